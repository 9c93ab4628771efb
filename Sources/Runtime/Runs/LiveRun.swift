package import Coordinator
import Fleet
import FoundationEssentials
import Health
import Launch
package import Plan
package import RunStore
import Synchronization

/// A run on disk with its plan and journal. Where the journal cannot be opened, as on a full disk, what
/// runs can still be seen and stopped: then only what needs the journal fails.
package final class LiveRun: Sendable {
  package let directory: RunDirectory
  package let plan: Plan
  package let surroundings: Surroundings
  private let journal: Result<Journal, RunStoreError>
  private let hasComplained = Mutex(false)
  private let redactor: Redactor
  private let lock = Mutex<RunLock?>(nil)

  /// - Throws: `RunFault` where its plan cannot be read.
  package init(_ directory: RunDirectory, _ surroundings: Surroundings) throws(RunFault) {
    self.directory = directory
    self.surroundings = surroundings
    do {
      self.plan = try Plan(json: try directory.plan())
    } catch {
      throw RunFault(.surroundings, .unreadablePlan(of: directory, error))
    }
    self.journal = Result { () throws(RunStoreError) in try Journal(path: directory.journalPath) }
    self.redactor = Redactor(
      self.plan.secrets.compactMap { name in
        surroundings.variable(name).map { (name: name, value: $0) }
      } + self.plan.writtenSecrets)
  }

  package var id: String { self.directory.id.rawValue }

  /// Keeps it from other processes that would work on it or remove it, as long as this value lives.
  ///
  /// - Throws: `RunFault` with the one that has it.
  package func hold() throws(RunFault) {
    try RunFault.storing {
      do {
        try self.lock.withLock {
          guard $0 == nil else { return }
          $0 = try RunLock(self.directory, holder: self.surroundings.coordinator)
        }
      } catch RunStoreError.locked(_, let holder) where !self.directory.hasWorkPlan {
        throw RunFault(.surroundings, .runHeld(by: "the run is held by \(holder)"))
      }
    }
  }

  /// Its folder on this machine.
  package var path: String { self.directory.path }

  /// Nothing of it is left to do, or on a node.
  package var isFinished: Bool { self.directory.isFinished }

  /// Its nodes told of it, and another machine began it: this journal does not know what was started.
  var isAdopted: Bool { (try? self.events(kind: Self.adopted).isEmpty) == false }

  /// `text` without the values of the plan's secrets, as far as this process knows them, and without
  /// what has the shape of one.
  package func redact(_ text: String) -> String {
    SecretShapes.redact(self.redactor.redact(text))
  }

  /// Writes an event; one that cannot be written is told, and the run goes on.
  package func record(_ kind: String, _ subject: String, _ detail: String = "{}") {
    self.record([
      JournalEvent(
        milliseconds: self.surroundings.milliseconds(), kind: kind, subject: subject,
        detail: detail)
    ])
  }

  /// Writes events together, with one sync of the disk.
  package func record(_ events: [JournalEvent]) {
    guard !events.isEmpty else { return }
    do {
      try self.journal.get().append(events)
    } catch {
      let isFirst = self.hasComplained.withLock { hasComplained in
        defer { hasComplained = true }
        return !hasComplained
      }
      if isFirst { self.surroundings.tell(error.diagnostic) }
    }
  }

  /// Of the event that says that its nodes told of it.
  static let adopted = "adopted"

  /// Whether services of it may run: they were started from here, or found on the nodes. One whose
  /// journal cannot be read has started.
  package var hasStarted: Bool {
    guard let events = try? self.events() else { return true }
    return events.contains { ["start", Self.adopted].contains($0.kind) }
  }

  /// Before anything is started: a launch that nobody can read of later is none.
  package func requireJournal() throws(RunFault) {
    _ = try RunFault.storing { try self.journal.get() }
  }

  /// All events, or those of one kind, oldest first.
  package func events(kind: String? = nil) throws(RunFault) -> [JournalEvent] {
    try RunFault.storing { try self.journal.get().events(kind: kind) }
  }

  /// The run is over: nothing of it is left.
  package func end() {
    self.record("ended", self.id)
    do {
      try self.directory.markFinished()
    } catch {
      self.surroundings.tell(error.diagnostic)
    }
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
      event.replica == nil ? Self.linkWords.contains(event.what) : event.isState
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
      self.record("faulted", fault.node, "summary", [fault.diagnostic.summary])
    case .examined(let answer):
      self.record("facts", answer.node, (try? PreflightDocument.json(answer)) ?? "{}")
    case .checked(let findings):
      for finding in findings {
        let diagnostic = finding.folded
        let detail = JSONText.object([
          ("severity", .string(diagnostic.severity.rawValue)),
          ("summary", .string(self.redact(diagnostic.summary))),
        ])
        self.record("preflight", diagnostic.code, detail.text)
      }
    case .starting(let services):
      for service in services { self.record("start", service) }
    case .reported(let report):
      self.record([self.written(ChainEvent(report))])
    case .warned(let diagnostic):
      self.record("warned", self.id, "what", [diagnostic.summary] + diagnostic.causes)
    case .succeeded:
      self.record("launched", self.id)
    case .aborted(let diagnostics):
      self.record("aborted", self.id, "reasons", diagnostics.map(\.summary))
    case .leftBehind(let node, let leftovers):
      self.record("left behind", node, "what", leftovers)
    }
  }

  private func record(_ kind: String, _ subject: String, _ key: String, _ words: [String]) {
    let text = self.redact(words.joined(separator: "; "))
    self.record(kind, subject, JSONText.object([(key, .string(text))]).text)
  }
}

// MARK: Evals

extension FleetContext {
  /// The eval to be resumed: the newest unfinished one, else the newest of the plan at all, or the
  /// one named.
  ///
  /// Another set of nodes is no other work: items have keys, whoever does them. Nor is what an episode
  /// waits, which stays what it was.
  /// - Throws: `RunFault` when there is none, or its plan differs in more than
  ///   its nodes; then with the fields that differ.
  package func evalToResume(named name: String?) throws(RunFault) -> LiveRun {
    try RunFault.storing {
      let list = RunList(root: self.runsFolder)
      let runs =
        if let name { [try list.run(name)] } else { try list.runs(named: self.plan.name) }
      var nearest: [String]?
      for directory in runs.filter({ !$0.isFinished }) + runs.filter(\.isFinished) {
        guard directory.hasWorkPlan else { continue }
        let read = Result { () throws(RunFault) in try LiveRun(directory, self.surroundings) }
        if name == nil, case .failure(let fault) = read {
          // Another one may be meant.
          self.surroundings.warn(fault)
          continue
        }
        let run = try read.get()
        let differences = try self.plan.differences(from: run.plan).filter { difference in
          ["nodes", "work.nodes", "work.simulator.episode_cost"].allSatisfy {
            !difference.hasPrefix("`\($0)")
          }
        }
        if differences.isEmpty {
          try run.requireJournal()
          return run
        }
        nearest = nearest ?? ["run \(run.id) is of another plan"] + differences
      }
      throw RunFault(
        .request,
        Diagnostic(
          code: "nothing-to-resume",
          "no eval of this plan is in \(self.runsFolder)/\(self.plan.name)",
          causes: nearest ?? [], hints: ["without `--resume` a new one begins"]))
    }
  }
}

extension LiveRun {
  /// The run whose agents do the work: that of the services that are up, else this one; the same on
  /// every resume, because spools are there.
  ///
  /// - Returns: With the plan that they are to know; `isOurs` where no services need them: they end
  ///   with the work then.
  /// - Throws: `RunFault` where the services are being launched.
  package func agentRun(
    live fleet: FleetContext
  ) async throws(RunFault) -> (id: String, plan: Plan, isOurs: Bool) {
    let live = try await fleet.liveRunIfAny()
    // Its agents may not know yet who has them.
    if let holder = live.flatMap({ RunLock.holder(of: $0.directory) }) {
      throw RunFault(.surroundings, .runHeld(by: "the run is held by \(holder)"))
    }
    let known = try self.events(kind: "agents").last?.subject
    let id = known ?? live?.id ?? self.id
    if known == nil { self.record("agents", id) }
    guard let live, live.id == id else { return (id, self.plan, true) }
    return (id, live.plan, false)
  }
}
