import FoundationEssentials
import Health
package import Launch
package import NodeAPI
package import RunStore

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

  /// `2026-11-21T06:15:00Z`.
  package static func time(_ milliseconds: Int64) -> String {
    Date(timeIntervalSince1970: Double(milliseconds / 1000)).formatted(.iso8601)
  }

  /// Whether both say the same of the same; time and count aside.
  func isLike(_ other: Self) -> Bool {
    self.node == other.node && self.replica == other.replica && self.service == other.service
      && self.what == other.what && self.reason == other.reason
  }
}

extension ChainEvent {
  private struct Detail: Decodable {
    var node: String?
    var reason: String?
    var summary: String?
    var reasons: String?
    var what: String?
    var log: String?
    /// Of what a watch saw: the replica, the word, and when by the clock of whoever told it.
    var replica: String?
    var event: String?
    var at: Int64?
  }

  /// Of what an agent told and that is no state; its own word is in the detail.
  package static let journalKind = "event"

  /// What a journal says. Its kinds are those of a launch: a replica's state, or what happened to a
  /// node, a service or the run. What has a time of its own happened then.
  package init(_ event: JournalEvent) {
    let detail = try? JSONDecoder().decode(Detail.self, from: Data(event.detail.utf8))
    let reason = detail?.reason ?? detail?.summary ?? detail?.reasons ?? detail?.what ?? ""
    let isState = ReplicaPhase(rawValue: event.kind) != nil
    let replica = isState ? ReplicaKey(event.subject) : detail?.replica.flatMap { ReplicaKey($0) }
    var (node, service) = (detail?.node ?? "", "")
    switch event.kind {
    case "attached", "faulted", "left behind": node = event.subject
    case "start": service = event.subject
    default: break
    }
    self.init(
      milliseconds: detail?.at ?? event.milliseconds, node: node, replica: replica,
      service: service,
      what: event.kind == Self.journalKind ? detail?.event ?? event.kind : event.kind,
      reason: reason)
    if let log = detail?.log, !log.isEmpty {
      self.logLines = log.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
  }

  /// What an agent says of its node.
  package init(_ event: Muster_V1_NodeEvent, node: String) {
    let isState = event.kind == "state"
    self.init(
      milliseconds: event.milliseconds, node: node,
      replica: event.service.isEmpty
        ? nil : ReplicaKey(service: event.service, index: Int(event.index)),
      what: isState ? ReplicaPhase(event.state)?.rawValue ?? "state" : event.kind,
      reason: event.text)
  }
}
