import Fleet
import FoundationEssentials
package import GRPCCore
package import GRPCNIOTransportHTTP2TransportServices
package import NodeAPI
package import Plan
import SwiftProtobuf

/// A link on which the agent has answered.
package struct NodeSession: Sendable {
  package typealias API = Muster_V1_Node.Client<HTTP2ClientTransport.WrappedChannel>

  /// For an answer that needs no waiting on the node's side.
  package static let callTimeout = Duration.seconds(20)

  package let node: Plan.Node
  /// For streams of work, which need more than ``api``.
  package let client: GRPCClient<HTTP2ClientTransport.WrappedChannel>
  package let api: API
  package let attached: Muster_V1_AttachResponse

  /// Opens a link, attaches, and closes the link when `body` has ended.
  ///
  /// - Throws: `NodeFault`, with the link's own words where the link broke; what `body` throws
  ///   otherwise stands as the fault's cause.
  package static func with<Result: Sendable>(
    _ node: Plan.Node, open: OpenLink, attachment: Attachment,
    body: @Sendable (NodeSession) async throws -> Result
  ) async throws(NodeFault) -> Result {
    try await NodeLink.with(node, open: open) { client in
      let api = API(wrapping: client)
      let session = NodeSession(
        node: node, client: client, api: api,
        attached: try await Self.attach(api, node.name, attachment))
      return try await body(session)
    }
  }

  /// Makes one call with a deadline; its failure is a `NodeFault` that names the call.
  package func call<Result: Sendable>(
    _ name: String, timeout: Duration = NodeSession.callTimeout,
    _ body: @Sendable (API, CallOptions) async throws -> Result
  ) async throws(NodeFault) -> Result {
    try await NodeLink.call(name, on: self.node.name, timeout: timeout) { options in
      try await body(self.api, options)
    }
  }

  private static func attach(
    _ api: API, _ node: String, _ attachment: Attachment
  ) async throws(NodeFault) -> Muster_V1_AttachResponse {
    let request = Muster_V1_AttachRequest.with {
      $0.protocolVersion = AgentPreface.protocolVersion
      switch attachment.claim {
      case .observe: $0.observe = true
      case .hold(let epoch): $0.epoch = epoch
      }
      $0.coordinator = attachment.coordinator
      $0.yields = attachment.yields
      $0.plan = .init(attachment.plan)
      $0.secrets = attachment.secrets
    }
    return try await NodeLink.call("attach", on: node, timeout: Self.callTimeout) { options in
      try await api.attach(request, options: options)
    }
  }
}
