import Coordinator
import Fleet
import Launch
import RunStore
import Terminal

/// What a run's journal has of its timeline: the numbers of its services, and what happened.
struct TopReplay {
  private enum Entry {
    case sample(ServiceSample)
    case event(ChainEvent)
  }

  private let run: String
  /// Oldest first.
  private let entries: [(milliseconds: Int64, entry: Entry)]

  /// - Parameter name: As `RunList` takes it; `nil`: the live run, else the newest that has ended.
  static func run(named name: String?, _ fleet: FleetContext) async throws -> LiveRun {
    guard let name else { return try await fleet.liveOrLatestRun() }
    return try storing { try LiveRun(try RunList(root: fleet.runsFolder).run(name)) }
  }

  init(_ run: LiveRun) throws {
    self.run = run.id
    let journal = try storing { try run.events() }
    // What two commands saw at once, or one of them twice, is told once.
    var timeline = FleetTimeline(journal: [])
    var entries: [(milliseconds: Int64, entry: Entry)] = []
    // Facts of nodes are long, and no part of the story.
    for event in journal where event.kind != "facts" {
      if event.kind == ServiceSample.journalKind {
        guard let sample = ServiceSample(json: event.detail) else { continue }
        entries.append((event.milliseconds, .sample(sample)))
      } else {
        timeline.add(ChainEvent(event))
      }
    }
    entries += timeline.take().map { ($0.milliseconds, .event($0)) }
    self.entries = entries.enumerated().sorted { one, other in
      (one.element.milliseconds, one.offset) < (other.element.milliseconds, other.offset)
    }.map(\.element)
  }

  func text(_ format: OutputFormat) -> String {
    switch format {
    case .table: "run \(self.run)\n\(self.table)"
    case .json: self.json.text + "\n"
    }
  }

  private var table: String {
    var columns = ["TIME", "NODE", "OF", "WHAT"].map { Table.Column($0) }
    columns += ["READY", "RUN", "WAIT", "KV%", "HIT%", "GEN/s", "TTFT p50", "p99", "GPU%"]
      .map { Table.Column($0, .right) }
    columns.append(Table.Column("REASON"))
    var table = Table(columns)
    for (milliseconds, entry) in self.entries {
      let time = ChainEvent.time(milliseconds)
      switch entry {
      case .sample(let sample):
        let numbers = [
          "\(sample.readyCount)/\(sample.replicaCount)", TopText.number(sample.running),
          TopText.number(sample.waiting), TopText.percent(sample.cacheUsageMax),
          TopText.percent(sample.prefixHitRate),
          TopText.number(sample.generationTokensPerSecond), TopText.latency(sample.ttft?.p50),
          TopText.latency(sample.ttft?.p99), TopText.number(sample.gpuPercent),
        ]
        table.append([time, "", sample.service, sample.verdict] + numbers + [sample.reason])
      case .event(let event):
        let subject = event.replica?.description ?? event.service
        table.append(
          [time, event.node, subject, event.what] + [String](repeating: "", count: 9)
            + [event.reason])
      }
    }
    return table.rendered()
  }

  private var json: JSONText {
    let timeline = self.entries.map { milliseconds, entry in
      switch entry {
      case .sample(let sample):
        JSONText.object(
          [
            ("kind", .string(ServiceSample.journalKind)),
            ("time", .string(ChainEvent.time(milliseconds))),
            ("milliseconds", .integer(Int(milliseconds))),
          ] + sample.members)
      case .event(let event):
        JSONText.object([("kind", .string("event"))] + event.members)
      }
    }
    return .object([("run", .string(self.run)), ("timeline", .array(timeline))])
  }
}
