package import Coordinator
import Fleet
import FoundationEssentials
import Health
import Launch
import Plan
package import RunStore

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
}

extension LiveRun {
  /// Of the events that hold a service's numbers in their detail.
  package static let sampleKind = "sample"

  /// What the journal says happened, in the order in which it was written.
  package func chain() throws(RunFault) -> [ChainEvent] {
    try self.events().filter { $0.kind != Self.sampleKind }.map { ChainEvent($0) }
  }

  /// The numbers of services that the journal has, oldest first, each one JSON object.
  package func samples() throws(RunFault) -> [(milliseconds: Int64, json: String)] {
    try self.events(kind: Self.sampleKind).map { ($0.milliseconds, $0.detail) }
  }

  /// Every event as one line of JSON with its line feed, and its kind.
  package func journalLines() throws(RunFault) -> [(kind: String, line: String)] {
    try self.events().map { event in
      let line = JSONText.object([
        ("milliseconds", .integer(Int(event.milliseconds))), ("kind", .string(event.kind)),
        ("subject", .string(event.subject)), ("detail", .string(event.detail)),
      ])
      return (event.kind, line.text + "\n")
    }
  }

  /// What is said of a node's link.
  static let linkWords = ["attached", "faulted"]

  /// An event as the journal has it: with the time at which it happened, by the clock of whoever told
  /// it, beside that of its writing.
  package func written(_ event: ChainEvent) -> JournalEvent {
    var members: [(String, JSONText)] = [
      ("node", .string(event.node)), ("reason", .string(self.redact(event.reason))),
    ]
    // Without one it happened when it was written.
    if event.milliseconds > 0 { members.append(("at", .integer(Int(event.milliseconds)))) }
    if !event.logLines.isEmpty {
      members.append(("log", .string(self.redact(event.logLines.joined(separator: "\n")))))
    }
    let isOurs =
      event.replica == nil
      ? Self.linkWords.contains(event.what) : ReplicaPhase(rawValue: event.what) != nil
    // A node's own words are no kinds: they have a meaning in the journal.
    if !isOurs { members.append(("event", .string(event.what))) }
    if !isOurs, let replica = event.replica { members.append(("replica", .string("\(replica)"))) }
    return JournalEvent(
      milliseconds: self.surroundings.milliseconds(),
      kind: isOurs ? event.what : ChainEvent.journalKind,
      subject: event.replica?.description ?? event.node, detail: JSONText.object(members).text)
  }

  /// Writes what happened in a launch, before it is acted on.
  package func record(_ event: LaunchEvent) {
    switch event {
    case .attached(let node, let processID):
      self.record("attached", node, #"{"pid":\#(processID)}"#)
    case .faulted(let fault):
      self.record("faulted", fault.node, self.detail([("summary", fault.diagnostic.summary)]))
    case .examined(let answer):
      self.record("facts", answer.node, (try? PreflightDocument.json(answer)) ?? "{}")
    case .checked(let findings):
      for finding in findings {
        let diagnostic = finding.folded
        self.record(
          "preflight", diagnostic.code,
          self.detail([
            ("severity", diagnostic.severity.rawValue), ("summary", diagnostic.summary),
          ]))
      }
    case .starting(let services):
      for service in services { self.record("start", service) }
    case .reported(let report):
      self.record([self.written(ChainEvent(report))])
    case .warned(let diagnostic):
      let what = ([diagnostic.summary] + diagnostic.causes).joined(separator: "; ")
      self.record("warned", self.id, self.detail([("what", what)]))
    case .succeeded:
      self.record("launched", self.id)
    case .aborted(let diagnostics):
      self.record(
        "aborted", self.id,
        self.detail([("reasons", diagnostics.map(\.summary).joined(separator: "; "))]))
    case .leftBehind(let node, let leftovers):
      self.record(
        "left behind", node, self.detail([("what", leftovers.joined(separator: "; "))]))
    }
  }

  private func detail(_ pairs: [(String, String)]) -> String {
    JSONText.object(pairs.map { ($0.0, .string(self.redact($0.1))) }).text
  }
}
