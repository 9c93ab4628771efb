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

/// A run that a node has a folder of.
package struct NodeRun: Equatable, Sendable {
  package var run: String
  /// Of its plan; empty where it has none.
  package var name: String
  /// Its daemon answers, or a process of it is left.
  package var isLive: Bool
  /// Else it is an eval's, or nothing was ever started.
  package var hasServices: Bool
  /// Who held it last; empty: nobody.
  package var holder: String
  /// When something of it was last written, by the node's clock, milliseconds since 1970.
  package var changedMilliseconds: Int64
  /// On the node's disk; `nil`: unknown.
  package var sizeBytes: UInt64?

  init(_ facts: Muster_V1_RunFacts) {
    self.run = facts.run
    self.name = facts.name
    self.isLive = facts.live
    self.hasServices = facts.services
    self.holder = facts.holder
    self.changedMilliseconds = facts.changedMilliseconds
    self.sizeBytes = facts.hasSizeBytes ? facts.sizeBytes : nil
  }
}

extension NodeErrand {
  /// Thousands of logs on a slow disk.
  private static let sizesTimeout = Duration.seconds(120)

  /// What the node keeps of runs, newest first.
  ///
  /// - Parameters:
  ///   - name: Of their plan; `nil`: any.
  ///   - addsSizes: Takes as long as the node's disk does.
  package func runs(named name: String?, addsSizes: Bool) async throws(NodeFault) -> [NodeRun] {
    let timeout = addsSizes ? Self.sizesTimeout : NodeSession.callTimeout
    let response = try await self.call("runs", timeout: timeout) { api, options in
      let request = Muster_V1_RunsRequest.with {
        $0.name = name ?? ""
        $0.sizes = addsSizes
      }
      return try await api.runs(request, options: options)
    }
    return response.runs.map { NodeRun($0) }
  }
}
