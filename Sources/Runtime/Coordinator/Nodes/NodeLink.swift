import Fleet
import GRPCCore
import GRPCNIOTransportHTTP2TransportServices
package import Links
package import Plan
import SSH

/// Opens the link to a node, of one run or for errands.
package typealias OpenLink = @Sendable (Plan.Node) async throws(NodeFault) -> Link

/// A link while it is used.
enum NodeLink {
  typealias Client = GRPCClient<HTTP2ClientTransport.WrappedChannel>

  /// Opens a link, and closes it when `body` has ended.
  ///
  /// - Throws: `NodeFault`, with the link's own words where the link broke; what `body` throws
  ///   otherwise stands as the fault's cause.
  static func with<Result: Sendable>(
    _ node: Plan.Node, open: OpenLink, body: @Sendable (Client) async throws -> Result
  ) async throws(NodeFault) -> Result {
    let link = try await open(node)
    let client = GRPCClient(transport: link.transport)
    do {
      return try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await client.runConnections() }
        defer { client.beginGracefulShutdown() }
        return try await body(client)
      }
    } catch let fault as NodeFault where fault.kind != .unreachable {
      throw fault
    } catch {
      throw await Self.fault(of: link, node: node.name, error)
    }
  }

  /// Makes one call with a deadline; its failure is a `NodeFault` that names the call.
  static func call<Result: Sendable>(
    _ name: String, on node: String, timeout: Duration,
    _ body: @Sendable (CallOptions) async throws -> Result
  ) async throws(NodeFault) -> Result {
    var options = CallOptions.defaults
    options.timeout = timeout
    do {
      return try await body(options)
    } catch {
      throw NodeFault(node: node, call: name, error: error)
    }
  }

  /// gRPC says no more than "unavailable" when a link breaks: the link knows why.
  private static func fault(of link: Link, node: String, _ error: any Error) async -> NodeFault {
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
