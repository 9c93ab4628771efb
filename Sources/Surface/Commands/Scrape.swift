import ArgumentParser
import Coordinator
import Fleet
import FleetView
import Runs
import Telemetry

struct Scrape: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the metrics of model servers, each and together.",
    discussion: """
      Endpoints are asked directly; the replicas of a manifest's run through their agents. Rates and \
      percentiles are those between two readings, a second apart without --watch; with --once those \
      since the servers started, and no rates. What a server does not say is `?`.
      Exit status: 2 when none answered.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case table
    case json
    case prometheus
  }

  @Argument(help: "`gpu[01-04]:8000`, `http://localhost:8000/metrics`.")
  var endpoints: [String] = []

  @Option(help: "A manifest: scrape the replicas of its newest run too.")
  var manifest: String?

  @Option(help: "Folder of the runs; default: `runs` beside the manifest.")
  var runs: String?

  @Option(help: "Go on, with a reading every so many seconds.")
  var watch: Int?

  @Flag(help: "Take one reading only: no rates.")
  var once = false

  @Option(help: "Seconds that a page may take.")
  var timeout = 5

  @Option(help: "table, json (an object a scrape) or prometheus (every sample, with its endpoint).")
  var format = Format.table

  func validate() throws {
    guard !self.endpoints.isEmpty || self.manifest != nil else {
      throw ValidationError("neither an endpoint nor a manifest")
    }
    try Self.check("watch", self.watch, in: 1...3600)
    guard self.watch == nil || !self.once else {
      throw ValidationError("--once and --watch exclude each other")
    }
    try Self.check("timeout", self.timeout, in: 1...600)
  }

  mutating func run() async throws {
    let fleet = try self.manifest.map { try FleetContext(ManifestFile($0), runs: self.runs) }
    let board = try await ScrapeBoard(
      try self.targets(), of: fleet, pace: self.pace, timeout: .seconds(self.timeout),
      clock: Composition.clock)
    guard !board.report(.interval).endpoints.isEmpty else {
      throw CommandFailure(
        .environment, code: "nothing-to-scrape", "the run has no replicas that show metrics")
    }
    guard case .watch(let interval) = self.pace else {
      return try self.show(board, faults: try await board.run())
    }
    let format = self.format
    try await Interruption.guarding(hint: "the servers run on") {
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { _ = try await board.run() }
        tasks.addTask {
          while true {
            try await Composition.clock.sleep(for: interval)
            StandardStreams.data(board.report(.interval).text(format))
          }
        }
        try await tasks.waitForAll()
      }
    }
  }

  private var pace: ScrapePace {
    if let watch = self.watch { return .watch(.seconds(watch)) }
    // A page of pages has no rates.
    return self.once || self.format == .prometheus ? .once : .twice
  }

  private func targets() throws -> [ScrapeTarget] {
    do throws(Diagnostic) {
      return try ScrapeTarget.targets(of: self.endpoints)
    } catch {
      throw CommandFailure(.environment, [error])
    }
  }

  private func show(_ board: ScrapeBoard<ContinuousClock>, faults: [NodeFault]) throws {
    let window: LatencyWindow = self.pace == .twice ? .interval : .sinceStart
    let report = board.report(window)
    StandardStreams.data(report.text(self.format))
    for fault in faults.folded() { StandardStreams.tell(fault) }
    guard report.hasAnswers else {
      throw CommandFailure(
        .environment, code: "none-answered", "none of the endpoints answered")
    }
  }
}
