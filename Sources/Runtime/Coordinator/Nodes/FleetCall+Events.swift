import GRPCCore
import NodeAPI
package import Plan
import SwiftProtobuf

/// What one node says of itself and of what happened there.
package struct NodeChronicle: Sendable {
  package var survey: NodeSurvey
  /// Oldest first; empty where the agent is of a version that keeps none.
  package var events: [ChainEvent]
}

extension FleetCall {
  /// An agent keeps 4,096 in memory; what sends more is not ours.
  private static let eventCountMax = 8192

  /// Asks each node for its replicas and for everything that happened there, over one link each.
  package static func events(
    _ nodes: [Plan.Node], open: @escaping OpenLink, attachment: Attachment
  ) async -> [(node: Plan.Node, result: Result<NodeChronicle, NodeFault>)] {
    await Self.each(nodes, open: open, attachment: attachment) { session in
      let name = session.node.name
      return NodeChronicle(
        survey: NodeSurvey(session), events: try await Self.events(session, name))
    }
  }

  static func events(
    _ session: NodeSession, _ node: String
  ) async throws -> [ChainEvent] {
    var options = CallOptions.defaults
    options.timeout = NodeSession.callTimeout
    do {
      return try await session.api.events(.init(), options: options) { response in
        var events: [ChainEvent] = []
        for try await event in response.messages where events.count < Self.eventCountMax {
          events.append(ChainEvent(event, node: node))
        }
        return events
      }
    } catch let error as RPCError where error.code == .unimplemented {
      return []
    }
  }
}
