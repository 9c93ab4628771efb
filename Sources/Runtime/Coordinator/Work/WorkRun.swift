package import Fleet
import KVCacheSimulator
import Manifest
package import Plan
import RecordFiles
package import Rollouts
package import RunStore
import Synchronization

/// Carries the work plan of a run out on its nodes, from whatever is recorded already, merges what
/// came in, and ends the agents that were there for it.
package final class WorkRun<ClockType: Clock & Sendable>: WorkConnector
where ClockType.Duration == Duration, ClockType.Instant: Sendable {
  private let run: RunDirectory
  private let workPlan: WorkPlan
  private let plan: Plan
  private let nodes: [Plan.Node]
  private let endsAgents: Bool
  private let agents: AgentConnector
  private let clock: ClockType
  /// The nodes whose agents are proven gone.
  private let ended = Mutex<Set<String>>([])

  /// - Parameters:
  ///   - plan: Of the run.
  ///   - nodes: Those that work, at least one; others that have records keep them.
  ///   - endsAgents: The agents are there for this work alone, and end with it.
  ///   - agents: Of one run, which is held, the same over resumes: their spools are there.
  package init(
    run: RunDirectory, workPlan: WorkPlan, plan: Plan, nodes: [Plan.Node], endsAgents: Bool,
    agents: AgentConnector, clock: ClockType
  ) {
    self.run = run
    self.workPlan = workPlan
    self.plan = plan
    self.nodes = nodes
    self.endsAgents = endsAgents
    self.agents = agents
    self.clock = clock
  }

  /// Returns when no item is left to be done, or nothing more can be done; cancellation stores what
  /// has come in.
  ///
  /// - Parameters:
  ///   - epoch: Of this coordinator, milliseconds since 1970: leases are numbered from it.
  ///   - progress: Called at every tick and at the end.
  package func carryOut(
    epoch: UInt64, progress: @escaping @Sendable (DispatchProgress) -> Void
  ) async throws -> DispatchResult {
    let leases = try LeaseFile(path: self.run.leasesPath)
    var workers: [WorkNode<RecordFile>] = []
    for node in self.nodes {
      let log = try RecordFile(path: self.run.recordFilePath(of: node.name))
      workers.append(
        WorkNode(
          name: NodeName(node.name), log: log, history: try await log.history(of: self.workPlan),
          leased: leases.known[node.name] ?? LeasedItems()))
    }
    let working = Set(self.nodes.map(\.name))
    var elsewhere = WorkHistory()
    for name in try self.run.recordedNodes() where !working.contains(name) {
      let reader = try RecordFileReader(path: self.run.recordFilePath(of: name))
      elsewhere.add(try reader.history(of: self.workPlan))
    }
    for (name, leased) in leases.known where !working.contains(name) { elsewhere.add(leased) }
    let dispatcher = WorkDispatcher(
      plan: self.workPlan, leaseIDFirst: Self.leaseIDFirst(epoch, workers, elsewhere),
      nodes: workers, elsewhere: elsewhere, leases: leases, clock: self.clock, connector: self,
      progress: progress)
    return await dispatcher.run()
  }

  /// Above all that were given, also by a coordinator whose clock was ahead.
  private static func leaseIDFirst(
    _ epoch: UInt64, _ workers: [WorkNode<RecordFile>], _ elsewhere: WorkHistory
  ) -> UInt64 {
    let last = workers.flatMap { [$0.history.leaseIDLast, $0.leased.leaseIDLast] }.max() ?? 0
    // Half of all numbers are left, whatever stands in a file.
    return max(epoch << 20, min(max(last, elsewhere.leaseIDLast), .max / 2) + 1)
  }

  package func withLink(
    to name: NodeName, _ body: @escaping @Sendable (GRPCWorkLink) async throws -> Void
  ) async throws {
    guard let node = self.nodes.first(where: { $0.name == name.rawValue }) else {
      preconditionFailure("\(name) is no node of this work")
    }
    // Why the stream was ended from this side, which a link's fault does not carry.
    let own = Mutex<WorkFault?>(nil)
    do throws(NodeFault) {
      try await self.agents.withSession(to: node) { session in
        try await GRPCWorkLink.with(session.client) { link in
          do {
            try await body(link)
          } catch let fault as WorkFault {
            own.withLock { $0 = fault }
            throw fault
          }
        }
        // All is on disk. In the time that streams have to say goodbye, and on the link that is there.
        guard self.endsAgents,
          await session.stopAndEnd(timeout: self.plan.stopTimeout).leftovers.isEmpty
        else { return }
        self.ended.withLock { _ = $0.insert(session.node.name) }
      }
    } catch {
      // Of a stream that just ended the link says more.
      if let fault = own.withLock({ $0 }), fault != .ended { throw fault }
      throw error
    }
  }

  /// Ends the agents that were there for this work and could not be ended on the links they worked on.
  ///
  /// - Returns: What is left of them, a sentence for each.
  package func endAgents(after result: DispatchResult) async -> [String] {
    guard self.endsAgents else { return [] }
    let ended = self.ended.withLock { $0 }
    // Those, too, that worked on it before it was resumed on others.
    let workers = Set(self.nodes.map(\.name) + ((try? self.run.recordedNodes()) ?? []))
    let rest = self.plan.nodes.filter { workers.contains($0.name) && !ended.contains($0.name) }
    let ends = await self.agents.stop(
      rest, of: self.plan, keepsRecords: result.ending != .complete)
    return ends.answers.filter { !$0.answer.leftovers.isEmpty }.map { node, remains in
      "\(node.name): left behind: \(remains.leftovers.joined(separator: "; "))"
    } + ends.faults.map { "\($0.node): \($0.diagnostic.summary)" }
  }
}

// MARK: What is to be done, and what came of it

extension Plan {
  /// The nodes that work: those named, else those of the plan's work, else all.
  ///
  /// - Throws: A `Diagnostic` where one is not in the plan.
  package func workers(named nodes: NodeSet?) throws(Diagnostic) -> [Node] {
    guard let nodes else {
      let names = self.work?.nodes ?? []
      return names.isEmpty ? self.nodes : self.nodes.filter { names.contains($0.name) }
    }
    let names = Set(nodes.names)
    let found = self.nodes.filter { names.contains(NodeName($0.name)) }
    guard found.count == nodes.count else {
      throw Diagnostic(
        code: "unknown-node", "not every node of `\(nodes.folded)` is in the manifest",
        hints: ["it has \(NodeSet(self.nodes.map { NodeName($0.name) }).folded)"])
    }
    return found
  }
}

extension ReportLayout {
  /// As the kind of work has it.
  package init(ofKindOf plan: WorkPlan) {
    let simulator =
      plan.kind == SimulatorSpecification.kind
      ? try? SimulatorSpecification(canonicalJSON: plan.specification) : nil
    self = simulator?.reportLayout(of: plan) ?? Self(plan)
  }
}
