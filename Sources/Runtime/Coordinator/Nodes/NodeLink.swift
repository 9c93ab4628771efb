package import Fleet
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

  /// See ``AgentConnector/withSession(to:_:)``.
  static func with<Result: Sendable>(
    _ node: Plan.Node, open: OpenLink, body: @Sendable (Client) async throws -> Result
  ) async throws(NodeFault) -> Result {
    let link = try await open(node)
    defer { link.close() }
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

  static func call<Result: Sendable>(
    _ name: String, on node: String, timeout: Duration = NodeSession.callTimeout,
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
    // The client has ended, and with it the link, or it has never begun.
    link.close()
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

/// Why a node cannot be worked with now.
package struct NodeFault: Error, Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    /// Trying again cannot help: a changed host key, a refused login, another architecture.
    case refused
    /// The link did not open in time, or broke; what runs on the node is not known to have changed.
    case unreachable
    /// By a coordinator that is at work.
    case held
    /// By one that came later: the run is its own from now on.
    case taken

    package var isAnothers: Bool { self == .held || self == .taken }
  }

  package var node: String
  package var kind: Kind
  /// Without the node's name in its summary, so that equal ones of many nodes fold into one.
  package var diagnostic: Diagnostic
  /// What many nodes have in common of it, where it names the address of one.
  private var common: Diagnostic?
  /// What to do about this node's, which tells of it in its own names.
  fileprivate var hint: String?

  package init(node: String, kind: Kind, _ diagnostic: Diagnostic) {
    self.node = node
    self.kind = kind
    self.diagnostic = diagnostic
  }

  /// - Parameter hint: Beside those of the error: one of many nodes stands for them.
  package init(node: String, _ error: LinkError, hint: String? = nil) {
    self.init(node: node, kind: error.mayPass ? .unreachable : .refused, error.diagnostic)
    self.common = error.common.diagnostic
    self.hint = hint
  }

  fileprivate var folding: Diagnostic { self.common ?? self.diagnostic }

  init(stoppedReporting node: String) {
    self.init(
      node: node, kind: .unreachable,
      Diagnostic(code: "watch-ended", "the agent stopped reporting"))
  }

  /// What a failed call says, where the link itself has not said more.
  init(node: String, call: String, error: any Error) {
    guard let error = error as? RPCError else {
      self.init(
        node: node, kind: .unreachable,
        Diagnostic(
          code: "link-lost", "the link broke during `\(call)`",
          // Of one that has closed the link's own words tell.
          causes: (error as? RuntimeError)?.code == .clientIsStopped ? [] : ["\(error)"]))
      return
    }
    let words = error.message.cut(toBytes: AgentMessages.textSizeMax)
    switch error.code {
    case .alreadyExists:
      var diagnostic = Diagnostic.runHeld(by: words)
      diagnostic.hints.append("`--take-over`, of `up` and `eval`, goes on in its place")
      self.init(node: node, kind: .held, diagnostic)
    case .aborted:
      self.init(
        node: node, kind: .taken,
        Diagnostic(
          code: "run-taken", "another command has taken the run over", causes: [words],
          hints: [
            "`muster status` tells what has become of it; one whose clock is ahead lets it go by "
              + "`--take-over` or `muster down`"
          ]))
    case .failedPrecondition, .invalidArgument, .permissionDenied, .unimplemented:
      self.init(
        node: node, kind: .refused,
        Diagnostic(code: "agent-refused", "the agent refuses `\(call)`", causes: [words]))
    default:
      self.init(
        node: node, kind: .unreachable,
        Diagnostic(
          code: "link-lost", "the link broke during `\(call)`",
          causes: ["\(error.code): \(words)"]))
    }
  }
}

extension Diagnostic {
  /// - Parameter words: Who holds it.
  package static func runHeld(by words: String) -> Self {
    Self(
      code: "run-held", "another coordinator holds the run", causes: [words],
      hints: [
        "wait for it to finish, or end it there; `muster down` takes the run over and ends it"
      ])
  }
}

extension [NodeFault] {
  /// One diagnostic for each group of faults that differ in the nodes' addresses only, its nodes
  /// folded in front.
  package func folded() -> [Diagnostic] {
    self.grouped(by: \.folding).map { common, faults in
      var diagnostic = faults[0].diagnostic
      if faults.contains(where: { $0.diagnostic != diagnostic }) {
        let first = "\(faults[0].node): \(diagnostic.summary)"
        diagnostic = common
        diagnostic.causes.insert(first, at: 0)
      }
      diagnostic.hints += faults.compactMap(\.hint).prefix(1)
      let nodes = NodeSet(faults.map { NodeName($0.node) }).folded
      diagnostic.summary = "\(nodes): \(diagnostic.summary)"
      return diagnostic
    }
  }
}
