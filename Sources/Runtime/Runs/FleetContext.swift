package import Coordinator
import Fleet
import Links
package import Manifest
package import Plan
package import Rollouts
import RunStore

/// What everything about a manifest's runs shares: the plan, where its runs are, and how nodes are
/// reached.
package struct FleetContext: Sendable {
  /// An eval's flags change its work.
  package var plan: Plan
  package let runsFolder: String
  package let notify: ManifestNotify?
  /// The manifest's `watch:`.
  package let watchedFiles: [String]
  package let surroundings: Surroundings
  private let links: FleetLinks

  /// - Parameter runsFolder: Absolute; one that is not there has no runs.
  package init(
    plan: Plan, runsFolder: String, notify: ManifestNotify? = nil, watchedFiles: [String] = [],
    links: FleetLinks, surroundings: Surroundings
  ) {
    self.plan = plan
    self.runsFolder = runsFolder
    self.notify = notify
    self.watchedFiles = watchedFiles
    self.links = links
    self.surroundings = surroundings
  }

  // MARK: Links

  package func links(to run: String) -> OpenLink { self.links.open(for: .run(run)) }

  /// To nodes, apart from any run.
  package var errands: OpenLink { self.links.open(for: .errand) }

  /// - Parameter yields: Takes nothing over from a coordinator that is at work.
  package func attachment(
    holding: Bool, yields: Bool = false, secrets: [String: String] = [:]
  ) throws(RunFault) -> Attachment {
    let epoch = UInt64(max(0, self.surroundings.milliseconds()))
    var attachment = Attachment(
      claim: holding ? .hold(epoch: epoch) : .observe, coordinator: self.surroundings.coordinator,
      plan: holding ? try RunFault.storing { try self.plan.canonicalJSON() } : [],
      secrets: secrets)
    attachment.yields = yields
    return attachment
  }

  /// The values of the plan's secrets, from this process's environment.
  package func secrets() throws(RunFault) -> [String: String] {
    var values: [String: String] = [:]
    var missing: [String] = []
    for name in self.plan.secrets {
      if let value = self.surroundings.variable(name) {
        values[name] = value
      } else {
        missing.append(name)
      }
    }
    guard missing.isEmpty else {
      let names = missing.map { "`\($0)`" }.joined(separator: ", ")
      throw RunFault(
        .request,
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
  /// - Throws: `RunFault` when there is none.
  package func liveRun() async throws(RunFault) -> LiveRun {
    if let run = try self.liveRunIfAny() { return run }
    if let run = try await self.runOnNodes() { return run }
    throw RunFault(
      .request,
      [
        Diagnostic(
          code: "no-run",
          "no run of `\(self.plan.name)` is up: neither \(self.runsFolder) nor the nodes know one",
          hints: ["`muster up` starts one"])
      ])
  }

  /// The live run, else the newest one that has ended.
  ///
  /// - Throws: `RunFault` when there is none of services at all.
  package func liveOrLatestRun() async throws(RunFault) -> LiveRun {
    if let run = try self.liveRunIfAny() { return run }
    let latest = try RunFault.storing {
      try RunList(root: self.runsFolder).runs(named: self.plan.name)
        .first { try $0.workPlan() == nil }.map { try LiveRun($0, self.surroundings) }
    }
    if let latest { return latest }
    return try await self.liveRun()
  }

  /// A run by its id, its folder, or a name for the newest of that name, whatever has become of it.
  package func run(_ reference: String) throws(RunFault) -> LiveRun {
    try RunFault.storing {
      try LiveRun(try RunList(root: self.runsFolder).run(reference), self.surroundings)
    }
  }

  package func liveRunIfAny() throws(RunFault) -> LiveRun? {
    try RunFault.storing {
      for run in try RunList(root: self.runsFolder).runs(named: self.plan.name)
      where !run.isFinished {
        if try run.workPlan() == nil { return try LiveRun(run, self.surroundings) }
      }
      return nil
    }
  }

  /// The live run if it has the same plan, else a new one.
  ///
  /// - Throws: `RunFault` when a run of another plan is up.
  package func liveRunForLaunch() throws(RunFault) -> LiveRun {
    guard let run = try self.liveRunIfAny() else { return try self.newRun() }
    let differences = try RunFault.storing { try self.plan.differences(from: run.plan) }
    guard differences.isEmpty else {
      throw RunFault(
        .request,
        [
          Diagnostic(
            code: "other-plan", "run \(run.id) of another plan is up", causes: differences,
            hints: ["`muster down` ends it"])
        ])
    }
    try run.requireJournal()
    self.surroundings.say("run \(run.id) is there already: what runs is left as it is")
    return run
  }

  package func newRun(workPlan: WorkPlan? = nil) throws(RunFault) -> LiveRun {
    try RunFault.storing {
      var chance = self.surroundings.chance
      let id = RunID(milliseconds: self.surroundings.milliseconds(), using: &chance)
      let directory = try RunDirectory.create(
        root: self.runsFolder, name: self.plan.name, id: id, plan: try self.plan.canonicalJSON(),
        workPlan: workPlan)
      let run = try LiveRun(directory, self.surroundings)
      try run.requireJournal()
      return run
    }
  }
}
