import Fleet
import FoundationEssentials
package import GRPCCore
package import GRPCNIOTransportHTTP2TransportServices
package import Links
package import NodeAPI
package import Plan
import SSH
import SwiftProtobuf

/// Opens the link to a node of one run.
package typealias OpenLink = @Sendable (Plan.Node) async throws(NodeFault) -> Link

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
    let link = try await open(node)
    let client = GRPCClient(transport: link.transport)
    do {
      return try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await client.runConnections() }
        defer { client.beginGracefulShutdown() }
        let api = API(wrapping: client)
        let session = NodeSession(
          node: node, client: client, api: api,
          attached: try await Self.attach(api, node.name, attachment))
        return try await body(session)
      }
    } catch let fault as NodeFault where fault.kind != .unreachable {
      throw fault
    } catch {
      throw await Self.fault(of: link, node: node.name, error)
    }
  }

  /// Makes one call with a deadline; its failure is a `NodeFault` that names the call.
  package func call<Result: Sendable>(
    _ name: String, timeout: Duration = NodeSession.callTimeout,
    _ body: @Sendable (API, CallOptions) async throws -> Result
  ) async throws(NodeFault) -> Result {
    var options = CallOptions.defaults
    options.timeout = timeout
    do {
      return try await body(self.api, options)
    } catch {
      throw NodeFault(node: self.node.name, call: name, error: error)
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
    var options = CallOptions.defaults
    options.timeout = Self.callTimeout
    do {
      return try await api.attach(request, options: options)
    } catch {
      throw NodeFault(node: node, call: "attach", error: error)
    }
  }

  /// gRPC says no more than "unavailable" when a link breaks: the link knows why.
  private static func fault(
    of link: Link, node: String, _ error: any Error
  ) async -> NodeFault {
    var fault = error as? NodeFault ?? NodeFault(node: node, call: "session", error: error)
    // The client has ended, and with it the link.
    let end = await link.ended()
    switch end.outcome {
    case .abandoned: break
    case .exited(let status):
      fault.diagnostic.causes.append("the agent's end of it exited: \(status)")
    case .signalled(let name): fault.diagnostic.causes.append("the agent's end of it got \(name)")
    case .lost(let error): fault.diagnostic.causes.append("\(error)")
    }
    if !end.standardError.isEmpty { fault.diagnostic.causes.append(end.standardError) }
    return fault
  }
}
