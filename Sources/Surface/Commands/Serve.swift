package import ArgumentParser
import Coordinator
import Dashboard
import Fleet
import Plan

/// `muster serve`: the newest run for other programs.
package struct Serve: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    abstract: "Show all metrics of the newest run to Prometheus until interrupted.",
    discussion: """
      Every sample of every replica, of its GPUs and states stands at /metrics, with `node`, \
      `service` and `replica` labels. The run is only observed; a link that breaks is opened again.

      Exit status: 1 when the address cannot be listened on.
      """)

  private static let addressByDefault = "127.0.0.1:9464"
  /// For which a page is good, however many ask.
  private static let pageLifetime = Duration.seconds(1)

  @OptionGroup var selection: RunSelection

  @Option(
    defaultAsFlag: Serve.addressByDefault,
    help: ArgumentHelp(
      "Where to show metrics; without a value on this machine only.", valueName: "host:port"))
  var metrics: String?

  @Option(help: "Seconds from one page of a replica to its next.")
  var interval = 5

  package init() {}

  package func validate() throws {
    guard let metrics = self.metrics else {
      throw ValidationError("nothing to serve: `--metrics`")
    }
    guard ServeAddress(metrics) != nil else {
      throw ValidationError("`\(metrics)` is no `HOST:PORT`, such as \(Self.addressByDefault)")
    }
    guard (1...3600).contains(self.interval) else {
      throw ValidationError("interval `\(self.interval)` is not in 1 to 3600")
    }
  }

  package mutating func run() async throws {
    guard let address = self.metrics.flatMap({ ServeAddress($0) }) else { return }
    let fleet = try FleetContext(self.selection)
    let run = try await fleet.liveRun()
    if !address.isLoopback {
      StandardStreams.tell(
        Diagnostic(
          .warning, code: "open-metrics", "everybody who reaches \(address) can read the metrics"))
    }
    var request = NodeScrapeRequest(every: .seconds(self.interval))
    request.samplesGPUs = true
    request.exporters = run.plan.exporters ?? []
    let watch = FleetWatch(
      run.plan.watchedNodes, request, open: fleet.links(to: run.id),
      attachment: try fleet.attachment(holding: false), clock: ContinuousClock())
    let board = ExpositionBoard(run.plan, interval: .seconds(self.interval))
    let cache = PageCache(for: Self.pageLifetime, clock: ContinuousClock()) { board.page() }
    let server = MetricsServer(host: address.host, port: address.port) { await cache.page }
    let (id, notify) = (run.id, fleet.notify)
    let journal = TimelineJournal(run)
    try await Interruption.guarding(hint: "the services run on") {
      try await Notifier.during(notify, run: id) { notifier in
        try await withThrowingTaskGroup(of: Void.self) { tasks in
          tasks.addTask {
            try await Self.serve(server, at: address, run: id)
          }
          tasks.addTask { await watch.run { Self.see($0, board, journal, notifier) } }
          defer { tasks.cancelAll() }
          try await tasks.next()
        }
      }
      try Task.checkCancellation()
    }
  }

  /// The one place where all that is learnt of the run passes.
  private static func see(
    _ sight: FleetSight, _ board: ExpositionBoard, _ journal: TimelineJournal,
    _ notifier: Notifier?
  ) {
    board.see(sight)
    if case .scraped = sight { return }
    // Before anybody is told.
    journal.see(sight)
    journal.write()
    switch sight {
    case .reached(let node): notifier?.reached(node)
    case .lost(let fault): notifier?.faulted(fault)
    case .reported(let report): notifier?.reported(report)
    case .happened, .scraped: break
    }
  }

  private static func serve(
    _ server: MetricsServer, at address: ServeAddress, run: String
  ) async throws {
    do {
      try await server.run {
        StandardStreams.talk("run \(run): its metrics are at http://\(address)/metrics\n")
      }
    } catch let fault as MetricsServerFault {
      throw CommandFailure(
        status: 1,
        [
          Diagnostic(
            code: "cannot-listen", "cannot listen on \(address)", causes: ["\(fault)"],
            hints: ["`--metrics HOST:PORT` takes another address"])
        ])
    }
  }
}

/// Where a server listens.
struct ServeAddress: CustomStringConvertible {
  /// Without the brackets of IPv6.
  let host: String
  let port: Int

  /// `127.0.0.1:9464`, `[::1]:9464`, `gpu01:9464`; `nil` for anything else.
  init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"),
      let port = UInt16(text[text.index(after: colon)...]), port > 0
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    guard !host.isEmpty, !host.contains("/") else { return nil }
    self.host = String(host)
    self.port = Int(port)
  }

  /// Whether only this machine reaches it.
  var isLoopback: Bool {
    self.host == "localhost" || self.host == "::1"
      || self.host.hasPrefix("127.") && self.host.allSatisfy { $0.isNumber || $0 == "." }
  }

  var description: String {
    "\(self.host.contains(":") ? "[\(self.host)]" : self.host):\(self.port)"
  }
}
