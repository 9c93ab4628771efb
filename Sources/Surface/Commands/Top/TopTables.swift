import Coordinator
import FleetView
import Health
import Launch
import Telemetry
import Terminal

/// The tables of services and of replicas, ordered and filtered.
struct TopTables {
  /// Those that the filter leaves, in the order asked for.
  let rows: [FleetMoment.Row]
  private let moment: FleetMoment

  init(_ moment: FleetMoment, _ settings: TopSettings) {
    self.moment = moment
    let wanted = settings.filter.lowercased()
    let found = moment.rows.filter { row in
      wanted.isEmpty
        || [row.replica.node, "\(row.replica.key)", row.stateText, row.reason]
          .contains { $0.lowercased().contains(wanted) }
    }
    self.rows = Self.ordered(found, settings)
  }

  /// The same rows, those that need somebody first.
  var mostUrgent: [FleetMoment.Row] {
    // Only failed, stalled, unreachable and busy ones come before the order that was asked for.
    self.rows.sorted { min($0.urgency, 4) < min($1.urgency, 4) }
  }

  /// Equal rows stay in the order of the plan; what is unknown comes last, either way round.
  private static func ordered(
    _ rows: [FleetMoment.Row], _ settings: TopSettings
  ) -> [FleetMoment.Row] {
    let value: (FleetMoment.Row) -> Double?
    switch settings.sort {
    case .node: return settings.isReversed ? rows.reversed() : rows
    case .kv: value = { $0.metrics.cacheUsageMax }
    case .running: value = { $0.metrics.running }
    case .waiting: value = { $0.metrics.waiting }
    case .tokens: value = { $0.metrics.generationTokensPerSecond }
    case .state: value = { -Double($0.urgency) }
    }
    let sign: Double = settings.isReversed ? 1 : -1
    func key(_ row: FleetMoment.Row) -> Double { value(row).map { $0 * sign } ?? .infinity }
    return rows.sorted { key($0) < key($1) }
  }

  // MARK: Services

  var services: Table {
    var table = Table([
      .init("SERVICE"), .init("READY", .right), .init("RUN", .right), .init("WAIT", .right),
      .init("KV%", .right), .init("HIT%", .right, rank: 3), .init("PROMPT/s", .right, rank: 4),
      .init("GEN/s", .right), .init("TTFT p50", .right, rank: 2), .init("p99", .right, rank: 2),
      .init("ITL", .right, rank: 5), .init("E2E", .right, rank: 6), .init("QUEUE", .right, rank: 3),
      .init("GPU%", .right), .init("VERDICT"),
    ])
    for sample in self.moment.samples { table.append(Self.cells(sample)) }
    return table
  }

  private static func cells(_ sample: ServiceSample) -> [StyledLine] {
    let isWhole = sample.readyCount == sample.replicaCount
    var verdict = StyledLine(sample.verdict, Self.style(ofVerdict: sample.verdict))
    verdict.append(": \(sample.reason)")
    return [
      StyledLine(sample.service, .strong),
      StyledLine("\(sample.readyCount)/\(sample.replicaCount)", isWhole ? .success : .warning),
    ]
      + [
        sample.running.whole, sample.waiting.whole,
        sample.cacheUsageMax.percent, sample.prefixHitRate.percent,
        sample.promptTokensPerSecond.whole,
        sample.generationTokensPerSecond.whole,
        sample.ttft?.p50.latency, sample.ttft?.p99.latency,
        sample.itl?.p50.latency, sample.e2e?.p50.latency,
        sample.queue?.p50.latency, sample.gpuPercent.whole,
      ].map { StyledLine($0) }
      + [verdict]
  }

  private static func style(ofVerdict word: String) -> Palette.Style? {
    switch ServiceVerdict.Word(rawValue: word) {
    case .good: .success
    case .starved, .queueing: .warning
    case .unknown: .faint
    case .steady, nil: nil
    }
  }

  // MARK: Replicas

  func replicas(_ rows: [FleetMoment.Row]) -> Table {
    var table = Table([
      .init("NODE"), .init("REPLICA"), .init("STATE"), .init("SINCE", .right, rank: 3),
      .init("ATT", .right, rank: 6), .init("RUN", .right), .init("WAIT", .right),
      .init("KV%", .right), .init("TOK/s", .right, rank: 1), .init("HIT%", .right, rank: 4),
      .init("GPU%", .right, rank: 2), .init("AGE", .right, rank: 5), .init("REASON"),
    ])
    for row in rows { table.append(Self.cells(row)) }
    return table
  }

  private static func cells(_ row: FleetMoment.Row) -> [StyledLine] {
    let report = row.replica.report
    return [
      StyledLine(row.replica.node), StyledLine("\(row.replica.key)"),
      StyledLine(row.stateText, row.style),
    ]
      + [
        row.sinceSeconds.time,
        report.map { "\($0.attempt)" } ?? "?",
        row.metrics.running.whole, row.metrics.waiting.whole,
        row.metrics.cacheUsageMax.percent,
        row.metrics.generationTokensPerSecond.whole,
        row.metrics.prefixHitRate.percent, row.gpuPercent.whole,
        row.ageSeconds.time, row.reason,
      ].map { StyledLine($0) }
  }
}

extension FleetMoment.Row {
  fileprivate var style: Palette.Style? {
    switch self.urgency {
    case 0...2: .error
    case 3...4: .warning
    case 7: .success
    default: nil
    }
  }
}
