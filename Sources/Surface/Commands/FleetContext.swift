import Coordinator
import Fleet
import Glibc
import Links
import Manifest
import Plan
import Rollouts
import RunStore
import Synchronization

/// What the commands of a run's life share: the plan, where runs are, and how nodes are reached.
struct FleetContext {
  /// An eval's flags change its work.
  var plan: Plan
  let runsFolder: String
  let notify: ManifestNotify?
  /// The manifest's `watch:`.
  let watchedFiles: [String]
  private let opener: LinkOpener

  init(_ selection: RunSelection) throws {
    try self.init(try ManifestFile(selection.manifest), runs: selection.runs)
  }

  /// - Parameter runs: The folder of the runs; `nil`: the one beside the manifest.
  init(manifest: String, runs: String?) throws {
    try self.init(try ManifestFile(manifest), runs: runs)
  }

  init(_ file: ManifestFile, runs: String?) throws {
    self.plan = file.plan
    self.notify = file.notify
    self.watchedFiles = file.watchedFiles
    self.runsFolder = runs.map { ManifestFile.absolute($0) } ?? file.runsFolder
    self.opener = try AgentLocation.opener()
  }

  // MARK: Links

  func links(to run: String) -> OpenLink {
    let opener = self.opener
    return { node throws(NodeFault) in
      do throws(LinkError) {
        return try await opener.open(node, run: run)
      } catch {
        throw NodeFault(
          node: node.name, kind: error.mayPass ? .unreachable : .refused, error.unnamedDiagnostic)
      }
    }
  }

  /// - Parameter yields: Takes nothing over from a coordinator that is at work.
  func attachment(
    holding: Bool, yields: Bool = false, secrets: [String: String] = [:]
  ) throws -> Attachment {
    var attachment = Attachment(
      claim: holding ? .hold(epoch: CoordinatorIdentity.nowMilliseconds) : .observe,
      coordinator: CoordinatorIdentity.name,
      plan: holding ? try self.plan.canonicalJSON() : [], secrets: secrets)
    attachment.yields = yields
    return attachment
  }

  /// The values of the plan's secrets, from this process's environment.
  func secrets() throws(CommandFailure) -> [String: String] {
    var values: [String: String] = [:]
    var missing: [String] = []
    for name in self.plan.secrets {
      if let value = getenv(name) {
        values[name] = String(cString: value)
      } else {
        missing.append(name)
      }
    }
    guard missing.isEmpty else {
      let names = missing.map { "`\($0)`" }.joined(separator: ", ")
      throw CommandFailure(
        status: 1,
        [
          Diagnostic(
            code: "no-secret", "the secret \(names) is not in the environment",
            hints: ["`export \(missing[0])=…` before `muster`"])
        ])
    }
    return values
  }

  // MARK: Runs

  /// The newest run of the manifest whose services are up, as far as this machine knows.
  ///
  /// - Throws: `CommandFailure` with status 1 when there is none.
  func liveRun() async throws -> LiveRun {
    if let run = try self.liveRunIfAny() { return run }
    if let run = try await self.runOnNodes() { return run }
    throw CommandFailure(
      status: 1,
      [
        Diagnostic(
          code: "no-run",
          "no run of `\(self.plan.name)` is up: neither \(self.runsFolder) nor the nodes know one",
          hints: ["`muster up` starts one"])
      ])
  }

  /// A run that another machine began, as the nodes themselves tell; it gets a folder here.
  ///
  /// - Throws: `CommandFailure` with status 2 where nodes cannot be asked and the others have none.
  private func runOnNodes() async throws -> LiveRun? {
    let survey = await FleetCall.survey(
      self.plan.nodes, open: self.links(to: "@\(self.plan.name)"),
      attachment: try self.attachment(holding: false))
    var newest: (id: RunID, plan: Plan, holder: String)?
    var faults: [NodeFault] = []
    for (_, result) in survey {
      switch result {
      case .failure(let fault):
        // The agent's own word that there is none is an answer.
        let isAnswer = fault.diagnostic.causes.contains { $0.contains("is live on this node") }
        if !isAnswer { faults.append(fault) }
      case .success(let answer):
        // A node is semi-trusted: what it says names a folder here.
        guard let id = RunID(answer.run), newest.map({ $0.id < id }) ?? true,
          let plan = try? Plan(json: answer.plan), plan.name == self.plan.name
        else { continue }
        newest = (id, plan, answer.holder)
      }
    }
    guard var newest else {
      if faults.isEmpty { return nil }
      throw CommandFailure(status: 2, faults.folded())
    }
    // Links are ours: keys lie elsewhere here, and a node must not say what we execute.
    let known = self.plan.nodes.filter { node in newest.plan.nodes.contains { $0.name == node.name }
    }
    let unknown = newest.plan.nodes.map(\.name).filter { name in !known.contains { $0.name == name }
    }
    guard unknown.isEmpty else {
      throw CommandFailure(
        status: 1,
        [
          Diagnostic(
            code: "other-nodes",
            "run \(newest.id) has nodes that the manifest has not: "
              + NodeSet(unknown.map { NodeName($0) }).folded,
            hints: ["use the manifest that it was begun with"])
        ])
    }
    newest.plan.nodes = known
    StandardStreams.talk(
      "run \(newest.id) was found on its nodes; it was begun by \(newest.holder)\n")
    return try storing {
      try LiveRun(
        try RunDirectory.create(
          root: self.runsFolder, name: newest.plan.name, id: newest.id,
          plan: try newest.plan.canonicalJSON()))
    }
  }

  /// The live run, else the newest one that has ended.
  ///
  /// - Throws: `CommandFailure` with status 1 when there is none of services at all.
  func liveOrLatestRun() async throws -> LiveRun {
    if let run = try self.liveRunIfAny() { return run }
    let latest = try storing {
      try RunList(root: self.runsFolder).runs(named: self.plan.name)
        .first { try $0.workPlan() == nil }.map { try LiveRun($0) }
    }
    if let latest { return latest }
    return try await self.liveRun()
  }

  func liveRunIfAny() throws -> LiveRun? {
    try storing {
      for run in try RunList(root: self.runsFolder).runs(named: self.plan.name)
      where !run.isFinished {
        if try run.workPlan() == nil { return try LiveRun(run) }
      }
      return nil
    }
  }

  /// The live run if it has the same plan, else a new one.
  ///
  /// - Throws: `CommandFailure` with status 1 when a run of another plan is up.
  func liveRunForLaunch() throws -> LiveRun {
    guard let run = try self.liveRunIfAny() else { return try self.newRun() }
    let differences = try self.plan.differences(from: run.plan)
    guard differences.isEmpty else {
      throw CommandFailure(
        status: 1,
        [
          Diagnostic(
            code: "other-plan", "run \(run.id) of another plan is up", causes: differences,
            hints: ["`muster down` ends it"])
        ])
    }
    try storing { try run.requireJournal() }
    StandardStreams.talk("run \(run.id) is there already: what runs is left as it is\n")
    return run
  }

  func newRun(workPlan: WorkPlan? = nil) throws -> LiveRun {
    try storing {
      var generator = SystemRandomNumberGenerator()
      let directory = try RunDirectory.create(
        root: self.runsFolder, name: self.plan.name, plan: try self.plan.canonicalJSON(),
        workPlan: workPlan, milliseconds: Int64(CoordinatorIdentity.nowMilliseconds),
        using: &generator)
      let run = try LiveRun(directory)
      try run.requireJournal()
      return run
    }
  }
}

/// Carries `body` out; a fault of the run store ends the command with status 2.
func storing<Result: ~Copyable>(_ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let error as RunStoreError {
    throw CommandFailure(status: 2, [error.diagnostic])
  } catch let error as Diagnostic {
    throw CommandFailure(status: 2, [error])
  }
}

/// A run on disk with its plan and journal. Where the journal cannot be opened, as on a full disk, what
/// runs can still be seen and stopped: then only what needs the journal fails.
final class LiveRun: Sendable {
  let directory: RunDirectory
  let plan: Plan
  private let journal: Result<Journal, RunStoreError>
  private let hasComplained = Mutex(false)
  private let redactor: Redactor

  init(_ directory: RunDirectory) throws {
    self.directory = directory
    self.plan = try Plan(json: try directory.plan())
    self.journal = Result { () throws(RunStoreError) in try Journal(path: directory.journalPath) }
    self.redactor = Redactor(
      self.plan.secrets.compactMap { name in
        getenv(name).map { (name: name, value: String(cString: $0)) }
      })
  }

  /// `text` without the values of the plan's secrets, as far as this process knows them.
  func redact(_ text: String) -> String { self.redactor.redact(text) }

  var id: String { self.directory.id.rawValue }

  /// Writes an event; one that cannot be written is told, and the run goes on.
  func record(_ kind: String, _ subject: String, _ detail: String = "{}") {
    self.record([
      JournalEvent(
        milliseconds: Int64(CoordinatorIdentity.nowMilliseconds), kind: kind, subject: subject,
        detail: detail)
    ])
  }

  /// Writes events together, with one sync of the disk.
  func record(_ events: [JournalEvent]) {
    guard !events.isEmpty else { return }
    do {
      try self.journal.get().append(events)
    } catch {
      let isFirst = self.hasComplained.withLock { hasComplained in
        defer { hasComplained = true }
        return !hasComplained
      }
      if isFirst { StandardStreams.talk(error.diagnostic.rendered()) }
    }
  }

  /// Before anything is started: a launch that nobody can read of later is none.
  func requireJournal() throws(RunStoreError) { _ = try self.journal.get() }

  /// All events, oldest first.
  func events() throws(RunStoreError) -> [JournalEvent] { try self.journal.get().events() }

  func events(kind: String) throws(RunStoreError) -> [JournalEvent] {
    try self.journal.get().events(kind: kind)
  }

  /// The run is over: nothing of it is left.
  func end() {
    self.record("ended", self.id)
    do {
      try self.directory.markFinished()
    } catch {
      StandardStreams.talk(error.diagnostic.rendered())
    }
  }
}
