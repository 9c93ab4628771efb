import Fleet
import GRPCCore
import Health
package import Launch
import NodeAPI
package import Plan
import SwiftProtobuf

/// What one node answers when it is asked how it is.
package struct NodeSurvey: Sendable {
  package var hostName: String
  package var processID: Int64
  package var startedAtMilliseconds: Int64
  /// Who holds the run; empty when nobody does.
  package var holder: String
  package var stateFolder: String
  package var reports: [ReplicaReport]
  /// The run that the agent serves, and its plan in canonical JSON; empty where it has none.
  package var run: String
  package var plan: [UInt8]

  init(_ session: NodeSession) {
    let attached = session.attached
    self.hostName = attached.hostName
    self.processID = attached.processID
    self.startedAtMilliseconds = attached.startedAtMilliseconds
    self.holder = attached.holder
    self.stateFolder = attached.stateFolder
    self.reports = attached.replicas.compactMap { ReplicaReport($0, node: session.node.name) }
    self.run = attached.run
    self.plan = Array(attached.plan)
  }
}

/// What one node says of itself and of what happened there.
package struct NodeChronicle: Sendable {
  package var survey: NodeSurvey
  /// Oldest first; empty where the agent is of a version that keeps none.
  package var events: [ChainEvent]
}

/// The same short errand on many nodes at once.
package enum FleetCall {
  /// Links that are opened at once: ClusterShell's window too; each costs a key exchange of CPU.
  package static let concurrency = 64
  /// An agent keeps 4,096 in memory; what sends more is not ours.
  private static let eventCountMax = 8192

  /// Asks each node for its replicas, without taking anything over.
  package static func survey(
    _ nodes: [Plan.Node], open: @escaping OpenLink, attachment: Attachment
  ) async -> [(node: Plan.Node, result: Result<NodeSurvey, NodeFault>)] {
    await Self.each(nodes, open: open, attachment: attachment) { NodeSurvey($0) }
  }

  /// Asks each node for its replicas and for everything that happened there, over one link each.
  package static func events(
    _ nodes: [Plan.Node], open: @escaping OpenLink, attachment: Attachment
  ) async -> [(node: Plan.Node, result: Result<NodeChronicle, NodeFault>)] {
    await Self.each(nodes, open: open, attachment: attachment) { session in
      NodeChronicle(survey: NodeSurvey(session), events: try await Self.events(session))
    }
  }

  /// Looks at each node.
  ///
  /// - Parameter endsAgents: For agents that were started for this alone.
  package static func examine(
    _ plan: Plan, _ nodes: [Plan.Node], open: @escaping OpenLink, attachment: Attachment,
    endsAgents: Bool, now: @escaping @Sendable () -> Int64
  ) async -> [(node: Plan.Node, result: Result<PreflightAnswer, NodeFault>)] {
    await Self.each(nodes, open: open, attachment: attachment) { session in
      let answer: Result<PreflightAnswer, NodeFault>
      do throws(NodeFault) {
        answer = .success(try await session.examine(plan, now))
      } catch {
        answer = .failure(error)
      }
      // One that is not ended, since the link broke, ends by itself within an hour or two.
      if endsAgents { _ = await session.stopAndEnd(timeout: NodeSession.callTimeout) }
      return try answer.get()
    }
  }

  /// Stops every replica of the run on each node and ends the daemons.
  ///
  /// - Parameters:
  ///   - keepsRecords: Records that were not acknowledged stay on the nodes, for a resume.
  ///   - hear: Gets what each agent knows, its replicas as they were before; it ends then.
  /// - Returns: For each node what is there yet.
  package static func stop(
    _ nodes: [Plan.Node], of plan: Plan, keepsRecords: Bool = false, open: @escaping OpenLink,
    attachment: Attachment, hear: @escaping @Sendable (NodeChronicle) -> Void = { _ in }
  ) async -> [(node: Plan.Node, result: Result<NodeRemains, NodeFault>)] {
    await Self.each(nodes, open: open, attachment: attachment) { session in
      await session.stopAndEnd(timeout: plan.stopTimeout, keepsRecords: keepsRecords) {
        // An agent that does not say is stopped all the same.
        let events = (try? await Self.events(session)) ?? []
        hear(NodeChronicle(survey: NodeSurvey(session), events: events))
      }
    }
  }

  /// Reads the log of one replica on its node, in pieces as they come.
  ///
  /// - Parameters:
  ///   - lastLineCount: Lines from the end to begin with, at most 100,000.
  ///   - follow: Goes on as the log grows, until cancelled.
  package static func log(
    of key: ReplicaKey, on node: Plan.Node, lastLineCount: Int, follow: Bool,
    open: @escaping OpenLink, attachment: Attachment,
    receive: @escaping @Sendable ([UInt8]) async -> Void
  ) async throws(NodeFault) {
    try await NodeSession.with(node, open: open, attachment: attachment) { session in
      try await session.api.logs(
        .with {
          $0.service = key.service
          $0.index = UInt32(key.index)
          $0.lastLines = UInt32(min(lastLineCount, 100_000))
          $0.follow = follow
        }
      ) { response in
        for try await chunk in response.messages { await receive(Array(chunk.data)) }
      }
    }
  }

  private static func events(_ session: NodeSession) async throws -> [ChainEvent] {
    var options = CallOptions.defaults
    options.timeout = NodeSession.callTimeout
    do {
      return try await session.api.events(.init(), options: options) { response in
        var events: [ChainEvent] = []
        for try await event in response.messages where events.count < Self.eventCountMax {
          events.append(ChainEvent(event, node: session.node.name))
        }
        return events
      }
    } catch let error as RPCError where error.code == .unimplemented {
      return []
    }
  }

  /// Attaches to each node and carries `body` out there.
  ///
  /// - Returns: One result a node, in the order of `nodes`.
  private static func each<Result: Sendable>(
    _ nodes: [Plan.Node], open: @escaping OpenLink, attachment: Attachment,
    body: @escaping @Sendable (NodeSession) async throws -> Result
  ) async -> [(node: Plan.Node, result: Swift.Result<Result, NodeFault>)] {
    await Self.each(nodes) { node throws(NodeFault) in
      try await NodeSession.with(node, open: open, attachment: attachment, body: body)
    }
  }

  /// Carries `visit` out for each node, ``concurrency`` at a time.
  ///
  /// - Returns: One result a node, in the order of `nodes`.
  static func each<Result: Sendable>(
    _ nodes: [Plan.Node],
    visit: @escaping @Sendable (Plan.Node) async throws(NodeFault) -> Result
  ) async -> [(node: Plan.Node, result: Swift.Result<Result, NodeFault>)] {
    await withTaskGroup(of: (Int, Swift.Result<Result, NodeFault>).self) { tasks in
      var results = [Swift.Result<Result, NodeFault>?](repeating: nil, count: nodes.count)
      var next = 0
      func startOne() {
        let index = next
        next += 1
        tasks.addTask {
          do throws(NodeFault) {
            return (index, .success(try await visit(nodes[index])))
          } catch {
            return (index, .failure(error))
          }
        }
      }
      while next < min(Self.concurrency, nodes.count) { startOne() }
      for await (index, result) in tasks {
        results[index] = result
        if next < nodes.count { startOne() }
      }
      return zip(nodes, results).compactMap { node, result in result.map { (node, $0) } }
    }
  }
}
