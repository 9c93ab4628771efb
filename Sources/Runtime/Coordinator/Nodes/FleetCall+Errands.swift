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

extension FleetCall {
  /// Asks each node for its replicas, without taking anything over.
  package static func survey(
    _ nodes: [Plan.Node], open: @escaping OpenLink, attachment: Attachment
  ) async -> [(node: Plan.Node, result: Result<NodeSurvey, NodeFault>)] {
    await Self.each(nodes, open: open, attachment: attachment) { session in
      NodeSurvey(session)
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
        let events = (try? await Self.events(session, session.node.name)) ?? []
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

  /// Passes on every change of the replicas of one node, until cancelled or the link breaks.
  package static func watch(
    _ node: Plan.Node, open: @escaping OpenLink, attachment: Attachment,
    receive: @escaping @Sendable (ReplicaReport) async -> Void
  ) async throws(NodeFault) {
    try await NodeSession.with(node, open: open, attachment: attachment) { session in
      try await session.api.watch(.init()) { response in
        for try await status in response.messages {
          if let report = ReplicaReport(status, node: node.name) { await receive(report) }
        }
      }
    }
  }
}
