import ArgumentParser
import Fleet
import FleetView
import Manifest
import Runs
import Terminal

struct Top: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Watch the newest run: services, replicas, GPUs and events.",
    discussion: """
      Keys: q quit, s next order, r reverse, / filter, e events on and off, p pause, ? help. What is \
      not known is `?`. Without a terminal, and with --once, one table after two scrapes. What was \
      seen is kept in the run's journal; --replay shows it.

      Exit status of one table as that of `status`: 0 all ready, 1 one failed, 2 a node is \
      unreachable, 3 mixed.
      """)

  @OptionGroup var selection: RunSelection

  @Argument(help: "With --replay: a run's id; default: the newest.")
  var replayed: String?

  @Option(help: "Seconds between two scrapes of a server, 1 to 3600.")
  var interval = 2

  @Flag(help: "Show one table and end.")
  var once = false

  @Option(help: "table, or json: an object an interval, or one with --once.")
  var format = OutputFormat.table

  @Option(help: "node, kv, running, waiting, tokens or state.")
  var sort = TopSettings.Sort.node

  @Option(help: "Show replicas with this text in node, name, state or reason.")
  var filter = ""

  @Option(
    name: .customLong("watch-file"), parsing: .upToNextOption,
    help: "Files of the nodes whose lines count as rollouts: `[SERVICE=]~/results/*.jsonl`.")
  var watchedFiles: [String] = []

  @Flag(help: "Show what the journal has of a run, oldest first.")
  var replay = false

  func validate() throws {
    try Self.check("interval", self.interval, in: 1...3600)
    guard self.replayed == nil || self.replay else {
      throw ValidationError("`\(self.replayed ?? "")` is read with --replay only")
    }
    guard !self.replay || !self.once else {
      throw ValidationError("--once and --replay exclude each other")
    }
    guard self.watchedFiles.count <= 64 else {
      throw ValidationError("more than 64 patterns of --watch-file")
    }
    for file in self.watched where !["/", "~/"].contains(where: file.path.hasPrefix) {
      throw ValidationError("--watch-file `\(file.path)` is neither absolute nor below `~/`")
    }
  }

  private var watched: [WatchedPattern] { self.watchedFiles.map { WatchedPattern($0) } }

  mutating func run() async throws {
    let fleet = try FleetContext(self.selection)
    guard !self.replay else {
      let named = try self.replayed.map { try fleet.run($0) }
      let run = if let named { named } else { try await fleet.liveOrLatestRun() }
      return StandardStreams.data(try RunReplay(run).text(self.format))
    }
    let run = try await fleet.liveRun()
    let watch = try RunWatch(
      fleet, run, every: .seconds(self.interval),
      files: self.watched.isEmpty ? fleet.watchedFiles : self.watched, clock: Composition.clock)
    let settings = TopSettings(sort: self.sort, filter: self.filter)
    if self.once || (self.format == .table && !StandardStreams.outputIsScreen) {
      return try await self.showOnce(watch, settings)
    }
    let (format, interval) = (self.format, Duration.seconds(self.interval))
    try await Interruption.guarding(hint: "the services run on; `muster down` stops them") {
      try await watch.during(notify: fleet.notify) {
        switch format {
        case .json: try await Self.print(watch, every: interval)
        case .table: try await TopDisplay.run(watch, settings)
        }
      }
    }
  }

  private static func print(_ watch: RunWatch<ContinuousClock>, every interval: Duration)
    async throws
  {
    while true {
      try await Composition.clock.sleep(for: interval)
      StandardStreams.data(watch.moment().json.text + "\n")
    }
  }

  private func showOnce(_ watch: RunWatch<ContinuousClock>, _ settings: TopSettings) async throws {
    let interval = Duration.seconds(self.interval)
    let moment = try await Interruption.guarding(hint: "the services run on") {
      try await watch.settled(interval: interval)
    }
    switch self.format {
    case .json: StandardStreams.data(moment.json.text + "\n")
    case .table:
      StandardStreams.data(
        [StyledLine("run \(moment.run)")] + TopScreen(moment, settings).report())
    }
    guard moment.condition == .ready else {
      throw CommandFailure(ExitStatus(moment.condition))
    }
  }
}
