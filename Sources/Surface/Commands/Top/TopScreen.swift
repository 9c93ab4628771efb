import Coordinator
package import FleetView
import Health
import Launch
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
  /// there is little room the events go first, then replicas that need nobody.
  ///
  /// - Parameters:
  ///   - width: At least 1.
  ///   - height: At least 1.
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
