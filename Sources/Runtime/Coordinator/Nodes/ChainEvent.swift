import Fleet
import FoundationEssentials
import Health
package import Launch
package import NodeAPI

/// One step on the way to a state: what happened, when, where.
package struct ChainEvent: Equatable, Sendable {
  /// By the clock of the machine that saw it, since 1970 in UTC.
  package var milliseconds: Int64
  /// Empty: the run as a whole.
  package var node: String
  package var replica: ReplicaKey?
  /// Of an event about a service as a whole.
  package var service: String
  /// A replica's state, or a word for what else happened: `attached`, `faulted`, `xid`.
  package var what: String
  package var reason: String
  /// Of the last lines of a log, with a failure.
  package var logLines: [String] = []
  /// How often it happened in a row.
  package var count = 1
  /// When it happened last.
  package var lastMilliseconds: Int64

  /// The end of the year 9999: a node is semi-trusted, and times are subtracted from each other.
  private static let millisecondsMax: Int64 = 253_402_300_799_999

  /// - Parameter milliseconds: A time before 1970 or beyond the year 9999 is taken as the nearest of
  ///   those between.
  package init(
    milliseconds: Int64, node: String, replica: ReplicaKey? = nil, service: String = "",
    what: String, reason: String = ""
  ) {
    let milliseconds = min(max(milliseconds, 0), Self.millisecondsMax)
    self.milliseconds = milliseconds
    self.node = node
    self.replica = replica
    self.service = replica?.service ?? service
    self.what = what
    self.reason = reason
    self.lastMilliseconds = milliseconds
  }

  /// Whether a replica has entered the state that ``what`` names.
  package var isState: Bool { ReplicaPhase(rawValue: self.what) != nil }

  /// `2026-11-21T06:15:00Z`.
  package static func time(_ milliseconds: Int64) -> String {
    Date(timeIntervalSince1970: Double(milliseconds / 1000)).formatted(.iso8601)
  }

  /// What an event is about.
  package struct Subject: Hashable, Sendable {
    private var node: String
    private var service: String
    private var replica: ReplicaKey?

    fileprivate init(_ event: ChainEvent) {
      (self.node, self.service, self.replica) = (event.node, event.service, event.replica)
    }
  }

  package var subject: Subject { Subject(self) }

  /// Whether both say the same of the same; time and count aside.
  package func isLike(_ other: Self) -> Bool {
    self.subject == other.subject && self.what == other.what && self.reason == other.reason
  }
}

extension ChainEvent {
  /// What an agent says of its node.
  package init(_ event: Muster_V1_NodeEvent, node: String) {
    self.init(
      milliseconds: event.milliseconds, node: node,
      replica: event.service.isEmpty
        ? nil : ReplicaKey(service: event.service, index: Int(event.index)),
      what: event.kind == "state"
        ? ReplicaPhase(rawValue: event.state)?.rawValue ?? "state"
        : event.kind.cut(toBytes: AgentMessages.nameSizeMax),
      reason: event.text.cut(toBytes: AgentMessages.textSizeMax))
  }

  /// That a replica has entered its present state.
  package init(_ report: ReplicaReport) {
    self.init(
      milliseconds: report.sinceMilliseconds, node: report.node, replica: report.key,
      what: report.state.rawValue, reason: report.reason)
    self.logLines = report.lastLogLines
  }
}
