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

  /// To nodes, apart from any run.
  package var errands: OpenLink { self.links.open(for: .errand) }

  /// - Parameters:
  ///   - holding: Takes the run over; else its agents are only looked at.
  ///   - yields: Takes nothing over from a coordinator that is at work.
  package func agents(
    of run: String, holding: Bool, yields: Bool = false, secrets: [String: String] = [:]
  ) throws(RunFault) -> AgentConnector {
    AgentConnector(
      open: self.links.open(for: .run(run)),
      attachment: Attachment(
        epoch: holding ? UInt64(max(0, self.surroundings.milliseconds())) : nil, yields: yields,
        coordinator: self.surroundings.coordinator,
        plan: holding ? try RunFault.storing { try self.plan.canonicalJSON() } : [],
        secrets: secrets))
  }

  /// The values of the plan's secrets, from this process's environment.
  package func secrets() throws(RunFault) -> [String: String] {
    let values = self.plan.secrets.map { (name: $0, value: self.surroundings.variable($0)) }
    let missing = values.filter { $0.value == nil }.map(\.name)
    guard missing.isEmpty else {
      let names = missing.map { "`\($0)`" }.joined(separator: ", ")
      throw RunFault(
        .request,
        Diagnostic(
          code: "no-secret", "the secret \(names) is not in the environment",
          hints: ["`export \(missing[0])=…` before `muster`"]))
    }
    return Dictionary(values.compactMap { name, value in value.map { (name, $0) } }) { $1 }
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
      Diagnostic(
        code: "no-run",
        "no run of `\(self.plan.name)` is up: neither \(self.runsFolder) nor the nodes know one",
        hints: ["`muster up` starts one"]))
  }

  /// The live run, else the newest one that has ended.
  ///
  /// - Throws: `RunFault` when there is none of services at all.
  package func liveOrLatestRun() async throws(RunFault) -> LiveRun {
    if let run = try self.liveRunIfAny() { return run }
    let latest = try RunFault.storing {
      try RunList(root: self.runsFolder).runs(named: self.plan.name)
        .first { !$0.hasWorkPlan }.map { try LiveRun($0, self.surroundings) }
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
      try RunList(root: self.runsFolder).runs(named: self.plan.name)
        .first { !$0.isFinished && !$0.hasWorkPlan }
        .map { try LiveRun($0, self.surroundings) }
    }
  }

  /// The live run if it has the same plan, else a new one, which is held: until an agent of it is
  /// there, nothing else tells it from one that is over.
  ///
  /// - Throws: `RunFault` when a run of another plan is up.
  package func liveRunForLaunch() throws(RunFault) -> LiveRun {
    guard let run = try self.liveRunIfAny() else {
      let run = try self.newRun()
      try run.hold()
      return run
    }
    let differences = try RunFault.storing { try self.plan.differences(from: run.plan) }
    guard differences.isEmpty else {
      throw RunFault(
        .request,
        Diagnostic(
          code: "other-plan", "run \(run.id) of another plan is up", causes: differences,
          hints: ["`muster down` ends it"]))
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

// MARK: Runs that another machine began, as the nodes themselves tell

extension FleetContext {
  /// The newest live run of services of this plan's name; it gets a folder here.
  ///
  /// - Throws: `RunFault` where nodes cannot be asked and the others have none.
  func runOnNodes() async throws(RunFault) -> LiveRun? {
    let name = self.plan.name
    let answers = await NodeErrand.each(self.plan.nodes, open: self.errands) { errand in
      try await errand.runs(named: name, addsSizes: false).filter { $0.isLive && $0.hasServices }
    }
    var newest: RunID?
    var holders: [Plan.Node] = []
    var faults: [NodeFault] = []
    for (node, result) in answers {
      switch result {
      case .failure(let fault): faults.append(fault)
      case .success(let runs):
        // A node is semi-trusted: what it says names a folder here.
        guard let id = runs.map(\.id).max() else { continue }
        if newest.map({ $0 < id }) ?? true { (newest, holders) = (id, []) }
        if newest == id { holders.append(node) }
      }
    }
    guard let newest else {
      if faults.isEmpty { return nil }
      throw RunFault(.surroundings, faults.folded())
    }
    return try await self.adopt(newest, from: holders)
  }

  /// Makes a folder of a run here, of what its agents say.
  private func adopt(
    _ id: RunID, from nodes: [Plan.Node]
  ) async throws(RunFault) -> LiveRun? {
    let survey = try await self.agents(of: id.rawValue, holding: false).survey(nodes)
    var faults: [NodeFault] = []
    for (_, result) in survey {
      switch result {
      case .failure(let fault): faults.append(fault)
      case .success(let answer):
        // Nor does a node make an eval of ours a run of services.
        guard var plan = try? Plan(json: answer.plan), plan.name == self.plan.name,
          !RunDirectory(root: self.runsFolder, name: plan.name, id: id).hasWorkPlan
        else { continue }
        // Links are ours: keys lie elsewhere here, and a node must not say what we execute.
        plan.nodes = try self.ownNodes(of: plan, id)
        self.surroundings.say("run \(id) was found on its nodes; it was begun by \(answer.holder)")
        return try RunFault.storing {
          try LiveRun(
            try RunDirectory.adopt(
              root: self.runsFolder, name: plan.name, id: id, plan: try plan.canonicalJSON()),
            self.surroundings)
        }
      }
    }
    if faults.isEmpty { return nil }
    throw RunFault(.surroundings, faults.folded())
  }

  /// The manifest's nodes that a run has.
  private func ownNodes(of plan: Plan, _ id: RunID) throws(RunFault) -> [Plan.Node] {
    let wanted = Set(plan.nodes.map(\.name))
    let unknown = wanted.subtracting(self.plan.nodes.map(\.name))
    guard unknown.isEmpty else {
      throw RunFault(
        .request,
        Diagnostic(
          code: "other-nodes",
          "run \(id) has nodes that the manifest has not: "
            + NodeSet(unknown.map { NodeName($0) }).folded,
          hints: ["use the manifest that it was begun with"]))
    }
    return self.plan.nodes.filter { wanted.contains($0.name) }
  }
}
