import Fleet
import GRPCCore
import GRPCNIOTransportHTTP2TransportServices
package import Plan
import RecordFiles
package import Rollouts
package import RunStore

/// Carries the work plan of a run out on its nodes, from whatever is recorded already.
package struct WorkRun<ClockType: Clock & Sendable>: Sendable
where ClockType.Duration == Duration, ClockType.Instant: Sendable {
  private let run: RunDirectory
  private let workPlan: WorkPlan
  private let nodes: [Plan.Node]
  private let open: OpenLink
  private let attachment: Attachment
  private let clock: ClockType
  private let leave: @Sendable (NodeSession) async -> Void

  /// - Parameters:
  ///   - nodes: Those that work, at least one; others that have records keep them.
  ///   - open: Opens links to the agents of one run, the same over resumes: their spools are there.
  ///   - attachment: Holds the run.
  ///   - leave: The last thing done on a node's link when all is on disk; has the time that streams
  ///     have to say goodbye.
  package init(
    run: RunDirectory, workPlan: WorkPlan, nodes: [Plan.Node], open: @escaping OpenLink,
    attachment: Attachment, clock: ClockType,
    leave: @escaping @Sendable (NodeSession) async -> Void = { _ in }
  ) {
    self.run = run
    self.workPlan = workPlan
    self.nodes = nodes
    self.open = open
    self.attachment = attachment
    self.clock = clock
    self.leave = leave
  }

  /// Returns when every item is on disk, or nothing more can be done; cancellation stores what has
  /// come in.
  ///
  /// - Parameters:
  ///   - episodeCost: Each episode waits so long.
  ///   - epoch: Of this coordinator, milliseconds since 1970: leases are numbered from it.
  ///   - progress: Called at every tick and at the end.
  package func carryOut(
    episodeCost: Duration, epoch: UInt64,
    progress: @escaping @Sendable (DispatchProgress) -> Void
  ) async throws -> DispatchResult {
    var workers: [WorkNode<RecordFile>] = []
    for node in self.nodes {
      let log = try RecordFile(path: self.run.recordFilePath(of: node.name))
      workers.append(
        WorkNode(name: NodeName(node.name), log: log, recorded: await Self.recorded(log)))
    }
    let working = Set(self.nodes.map(\.name))
    var elsewhere = OrdinalRangeSet()
    for name in try self.run.recordedNodes() where !working.contains(name) {
      let reader = try RecordFileReader(path: self.run.recordFilePath(of: name))
      for entry in reader.entries { elsewhere.insert(entry.items) }
    }
    let plan = self.workPlan
    let dispatcher = WorkDispatcher(
      setup: LeaseSetup(plan, episodeCost: episodeCost), itemCount: plan.itemCount,
      leaseIDFirst: epoch << 20, nodes: workers, recordedElsewhere: elsewhere, clock: self.clock,
      connector: self.connector, validate: { plan.fault(in: $0) }, progress: progress)
    return await dispatcher.run()
  }

  private var connector: GRPCWorkConnector<HTTP2ClientTransport.WrappedChannel> {
    let (nodes, open, attachment, leave) = (self.nodes, self.open, self.attachment, self.leave)
    return GRPCWorkConnector { name, body in
      guard let node = nodes.first(where: { $0.name == name.rawValue }) else {
        preconditionFailure("\(name) is no node of this work")
      }
      do throws(NodeFault) {
        try await NodeSession.with(node, open: open, attachment: attachment) { session in
          try await body(session.client)
          await leave(session)
        }
      } catch {
        throw WorkLinkFault(words: ([error.diagnostic.summary] + error.diagnostic.causes)[0])
      }
    }
  }

  private static func recorded(_ log: RecordFile) async -> OrdinalRangeSet {
    OrdinalRangeSet(await log.entries.map(\.items))
  }
}

/// Why a stream of work did not open or broke, in words.
struct WorkLinkFault: Error, CustomStringConvertible {
  var words: String
  var description: String { self.words }
}

extension LeaseSetup {
  /// What nodes must know of a work plan.
  init(_ plan: WorkPlan, episodeCost: Duration) {
    self.init(
      workID: plan.workID, policy: plan.policy, seed: plan.seed, difficulty: plan.difficulty,
      rolloutsPerExample: UInt32(plan.rolloutsPerTask), maxActionsPerStep: plan.maxActionsPerStep,
      episodeCost: episodeCost)
  }
}
