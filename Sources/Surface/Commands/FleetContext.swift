import Coordinator
import Fleet
import Glibc
import Links
import Manifest
import Plan
import Rollouts
import RunStore

/// What the commands of a run's life share: the plan, where runs are, and how nodes are reached.
struct FleetContext {
  /// An eval's flags change its work.
  var plan: Plan
  let runsFolder: String
  let notify: ManifestNotify?
  private let opener: LinkOpener

  init(_ selection: RunSelection) throws {
    let file = try ManifestFile(selection.manifest)
    self.plan = file.plan
    self.notify = file.notify
    self.runsFolder = selection.runs.map { ManifestFile.absolute($0) } ?? file.runsFolder
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

  func attachment(holding: Bool, secrets: [String: String] = [:]) throws -> Attachment {
    Attachment(
      claim: holding ? .hold(epoch: CoordinatorIdentity.nowMilliseconds) : .observe,
      coordinator: CoordinatorIdentity.name,
      plan: holding ? try self.plan.canonicalJSON() : [], secrets: secrets)
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
  func liveRun() throws -> LiveRun {
    guard let run = try self.liveRunIfAny() else {
      throw CommandFailure(
        status: 1,
        [
          Diagnostic(
            code: "no-run",
            "no run of `\(self.plan.name)` is up, as far as \(self.runsFolder) knows",
            hints: ["`muster up` starts one"])
        ])
    }
    return run
  }

  /// The live run, else the newest one that has ended.
  ///
  /// - Throws: `CommandFailure` with status 1 when there is none of services at all.
  func liveOrLatestRun() throws -> LiveRun {
    if let run = try self.liveRunIfAny() { return run }
    let latest = try storing {
      try RunList(root: self.runsFolder).runs(named: self.plan.name)
        .first { try $0.workPlan() == nil }.map { try LiveRun($0) }
    }
    return try latest ?? self.liveRun()
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
      return try LiveRun(directory)
    }
  }
}

/// Carries `body` out; a fault of the run store ends the command with status 2.
func storing<Result>(_ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let error as RunStoreError {
    throw CommandFailure(status: 2, [error.diagnostic])
  } catch let error as Diagnostic {
    throw CommandFailure(status: 2, [error])
  }
}

/// A run on disk with its plan and journal.
final class LiveRun: Sendable {
  let directory: RunDirectory
  let plan: Plan
  private let journal: Journal
  private let redactor: Redactor

  init(_ directory: RunDirectory) throws {
    self.directory = directory
    self.plan = try Plan(json: try directory.plan())
    self.journal = try Journal(path: directory.journalPath)
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
    do {
      try self.journal.append(
        JournalEvent(
          milliseconds: Int64(CoordinatorIdentity.nowMilliseconds), kind: kind, subject: subject,
          detail: detail))
    } catch {
      StandardStreams.talk(error.diagnostic.rendered())
    }
  }

  /// All events, oldest first.
  func events() throws(RunStoreError) -> [JournalEvent] { try self.journal.events() }

  func events(kind: String) throws(RunStoreError) -> [JournalEvent] {
    try self.journal.events(kind: kind)
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
