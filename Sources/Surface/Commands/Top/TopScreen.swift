import Coordinator
package import FleetView
import Health
import Launch
import Telemetry
package import Terminal

/// Lays a moment out as the lines of a screen. Pure: the same moment gives the same lines.
package struct TopScreen {
  package static let keys =
    "q quit  s sort  r reverse  / filter  e events  p pause  ? help"

  private let moment: FleetMoment
  private let settings: TopSettings
  private let tables: TopTables

  package init(_ moment: FleetMoment, _ settings: TopSettings) {
    self.moment = moment
    self.settings = settings
    self.tables = TopTables(moment, settings)
  }

  /// At most `height` lines of at most `width` columns: head, services, replicas, events, keys. Where
  /// there is little room the events go first, then replicas that need nobody. Both are at least 1.
  package func lines(width: Int, height: Int) -> [StyledLine] {
    let head = self.head.cut(to: width)
    guard !self.settings.showsHelp else {
      return Array(([head, StyledLine()] + Self.help.map { $0.cut(to: width) }).prefix(height))
    }
    let foot = self.foot.cut(to: width)
    // Head, foot, and the titles of the replicas with one of them.
    let services = self.tables.services.lines(width: width).prefix(max(2, height - 4))
    var room = height - 2 - services.count
    let replicaLineCount = 1 + self.tables.rows.count
    let events = self.events(
      lineCountMax: min(10, max(room - replicaLineCount, min(room / 3, 6))), width: width)
    room -= events.count
    let replicas = self.replicas(lineCountMax: room, width: width)
    let blanks = [StyledLine](repeating: StyledLine(), count: max(0, room - replicas.count))
    return Array(([head] + services + replicas + blanks + events).prefix(max(1, height - 1)))
      + (height > 1 ? [foot] : [])
  }

  /// All services and replicas, for who has no terminal.
  package func report() -> [StyledLine] {
    // Nobody's reasons are wider.
    let width = 1 << 20
    let rollouts = self.moment.rollouts == nil ? [] : [self.rollouts, StyledLine()]
    return rollouts + self.tables.services.lines(width: width) + [StyledLine()]
      + self.tables.replicas(self.tables.rows).lines(width: width)
  }

  // MARK: Parts

  private var head: StyledLine {
    var line = StyledLine("muster top", .strong)
    line.append("  run \(self.moment.run)")
    let nodes = self.moment.state.nodes
    let reached = nodes.count(where: \.isReached)
    line.append("  ")
    line.append("nodes \(reached)/\(nodes.count)", reached == nodes.count ? nil : .error)
    line.append("  \(ChainEvent.time(self.moment.milliseconds).suffix(9))")
    line.append("  ")
    line.append(self.rollouts)
    if self.settings.isPaused { line.append("  PAUSED", .warning) }
    return line
  }

  private var rollouts: StyledLine {
    let rate = ReadableNumber.number(self.moment.rollouts?.perSecond, digits: 1)
    var line = StyledLine("rollouts \(rate)/s")
    if let count = self.moment.rollouts?.count { line.append(" (\(count))", .faint) }
    return line
  }

  private var foot: StyledLine {
    if let typed = self.settings.typedFilter { return StyledLine("filter: \(typed)_", .strong) }
    let direction = self.settings.isReversed ? ", reversed" : ""
    var line = StyledLine("sort \(self.settings.sort.rawValue)\(direction)", .hint)
    if !self.settings.filter.isEmpty { line.append("  filter `\(self.settings.filter)`", .hint) }
    line.append("  \(Self.keys)", .faint)
    return line
  }

  private static let help = [
    "q, Ctrl-C   end the view; the services run on",
    "s           next order: node, kv, running, waiting, tokens, state",
    "r           the other way round",
    "/           filter by node, service, state or reason; Enter takes it, Esc leaves it",
    "Esc         no filter",
    "e           events on and off",
    "p           pause, and go on",
    "?           this help; any key leaves it",
    "",
    "?           in a column: unknown, which is not 0",
    "verdict     starved: GPUs below 60 %; good: from 90 %; queueing: requests wait",
  ].map { StyledLine($0) }

  private func replicas(lineCountMax: Int, width: Int) -> [StyledLine] {
    guard lineCountMax > 0 else { return [] }
    let rows = self.tables.rows
    guard rows.count + 1 > lineCountMax else {
      return self.tables.replicas(rows).lines(width: width)
    }
    // Titles above, what is missing below.
    let shown = Array(self.tables.mostUrgent.prefix(max(0, lineCountMax - 2)))
    let rest = StyledLine("… \(rows.count - shown.count) more are not shown", .faint)
    return Array(
      (self.tables.replicas(shown).lines(width: width) + [rest.cut(to: width)])
        .suffix(lineCountMax))
  }

  /// The newest below.
  private func events(lineCountMax: Int, width: Int) -> [StyledLine] {
    guard self.settings.showsEvents, lineCountMax >= 2, !self.moment.state.events.isEmpty else {
      return []
    }
    let events = self.moment.latestEvents(lineCountMax - 1)
    var table = Table([
      .init("TIME"), .init("NODE"), .init("REPLICA", rank: 1), .init("EVENT"), .init("REASON"),
    ])
    for event in events {
      let time = "\(ChainEvent.time(event.milliseconds).suffix(9))"
      table.append(
        ([time] + event.place + [event.what, event.reason]).map { StyledLine($0, .faint) })
    }
    return table.lines(width: width)
  }
}

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
        ReadableNumber.number(sample.running), ReadableNumber.number(sample.waiting),
        ReadableNumber.percent(sample.cacheUsageMax), ReadableNumber.percent(sample.prefixHitRate),
        ReadableNumber.number(sample.promptTokensPerSecond),
        ReadableNumber.number(sample.generationTokensPerSecond),
        ReadableNumber.latency(sample.ttft?.p50, mean: sample.ttft?.mean),
        ReadableNumber.latency(sample.ttft?.p99),
        ReadableNumber.latency(sample.itl?.p50, mean: sample.itl?.mean),
        ReadableNumber.latency(sample.e2e?.p50, mean: sample.e2e?.mean),
        ReadableNumber.latency(sample.queue?.p50, mean: sample.queue?.mean),
        ReadableNumber.number(sample.gpuPercent),
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
        ReadableNumber.time(row.sinceSeconds),
        report.map { "\($0.attempt)" } ?? ReadableNumber.unknown,
        ReadableNumber.number(row.metrics.running), ReadableNumber.number(row.metrics.waiting),
        ReadableNumber.percent(row.metrics.cacheUsageMax),
        ReadableNumber.number(row.metrics.generationTokensPerSecond),
        ReadableNumber.percent(row.metrics.prefixHitRate), ReadableNumber.number(row.gpuPercent),
        ReadableNumber.time(row.ageSeconds), row.reason,
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
