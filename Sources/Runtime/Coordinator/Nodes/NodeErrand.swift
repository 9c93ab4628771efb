package import GRPCCore
package import GRPCNIOTransportHTTP2TransportServices
package import NodeAPI
package import Plan
import SwiftProtobuf

/// A link to a node apart from any run. The agent at its other end lives as long as the link, holds
/// nothing and leaves nothing.
package struct NodeErrand: Sendable {
  package typealias API = Muster_V1_Errands.Client<HTTP2ClientTransport.WrappedChannel>

  package let node: Plan.Node
  package let api: API

  /// Opens a link, and closes it when `body` has ended.
  ///
  /// - Parameter open: Opens links for errands.
  package static func with<Result: Sendable>(
    _ node: Plan.Node, open: OpenLink, body: @Sendable (NodeErrand) async throws -> Result
  ) async throws(NodeFault) -> Result {
    try await NodeLink.with(node, open: open) { client in
      try await body(NodeErrand(node: node, api: API(wrapping: client)))
    }
  }

  /// Carries the same errand out on many nodes at once.
  ///
  /// - Returns: One result a node, in the order of `nodes`.
  package static func each<Result: Sendable>(
    _ nodes: [Plan.Node], open: @escaping OpenLink,
    body: @escaping @Sendable (NodeErrand) async throws -> Result
  ) async -> [(node: Plan.Node, result: Swift.Result<Result, NodeFault>)] {
    await FleetCall.each(nodes) { node throws(NodeFault) in
      try await Self.with(node, open: open, body: body)
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
}
