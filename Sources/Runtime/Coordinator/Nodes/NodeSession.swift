import Fleet
import FoundationEssentials
package import GRPCCore
package import GRPCNIOTransportHTTP2TransportServices
import Health
package import Launch
package import NodeAPI
package import Plan
import Recipes
import SwiftProtobuf

/// What there is yet on a node where a run was, in words.
package struct NodeRemains: Equatable, Sendable {
  /// Empty is the proof that nothing is left.
  package var leftovers: [String]
  /// Others' processes in places of ours, such as a port: nothing is to be done about them.
  package var foreign: [String] = []
  /// What nobody has told to stop.
  package var living: [String] = []

  package init(leftovers: [String], foreign: [String] = []) {
    func cut(_ lines: [String]) -> [String] {
      lines.prefix(AgentMessages.lineCountMax).map { $0.cut(toBytes: AgentMessages.textSizeMax) }
    }
    self.leftovers = cut(leftovers)
    self.foreign = cut(foreign)
  }
}

/// A link on which the agent has answered.
package struct NodeSession: LaunchSession {
  package typealias API = Muster_V1_Node.Client<HTTP2ClientTransport.WrappedChannel>

  /// For an answer that needs no waiting on the node's side.
  package static let callTimeout = Duration.seconds(20)
  /// An agent gives up on what hangs after 15 s; this is for one on a machine under load.
  private static let examinationTimeout = Duration.seconds(30)
  /// For a plan of the largest size over a slow line.
  static let planTimeout = Duration.seconds(120)
  /// Of what a node says of itself: an agent is trusted with its own node only.
  private static let factsSizeMax = 1 << 20

  package let node: Plan.Node
  /// For streams of work, which need more than ``api``.
  package let client: GRPCClient<HTTP2ClientTransport.WrappedChannel>
  package let api: API
  package let attached: Muster_V1_AttachResponse
  let voice: NodeVoice

  package var processID: Int64 { self.attached.processID }

  package var found: [ReplicaReport] {
    self.attached.replicas.compactMap { self.voice.report($0) }
  }

  // MARK: Calls

  package func examine(
    _ plan: Plan, _ now: @Sendable () -> Int64
  ) async throws(NodeFault) -> PreflightAnswer {
    let question = PreflightQuestion(plan, node: self.node.name)
    let asked = now()
    let answer = try await NodeLink.call(
      "preflight", on: self.node.name, timeout: Self.examinationTimeout
    ) {
      var request = Muster_V1_PreflightRequest()
      request.question = Data(try CanonicalJSON.bytes(of: question))
      return try await self.api.preflight(request, options: $0)
    }
    guard answer.facts.count <= Self.factsSizeMax,
      let facts: PreflightFacts = try? CanonicalJSON.value(from: answer.facts), facts.isPossible
    else {
      throw NodeFault(
        node: self.node.name, kind: .refused,
        Diagnostic(code: "wrong-facts", "the agent says of its node what no node can have"))
    }
    return PreflightAnswer(
      node: self.node.name, facts: facts, asked: asked, answered: now(),
      clock: answer.clockMilliseconds, took: Int64(answer.tookMilliseconds))
  }

  package func watch(
    _ hear: @escaping @Sendable (ReplicaReport) async -> Void
  ) async throws {
    try await self.api.watch(.init()) { response in
      for try await status in response.messages {
        if let report = self.voice.report(status) { await hear(report) }
      }
    }
  }

  package func start(_ services: [Plan.Service]) async throws(NodeFault) -> [ReplicaReport] {
    let replicas = services.flatMap { $0.specifications(on: self.node.name) }
    guard !replicas.isEmpty else { return [] }
    // What is on its way down there has its grace first.
    let grace = Duration.seconds(replicas.map(\.launch.stopGraceSeconds).max() ?? 0)
    let timeout = Self.callTimeout + grace
    let response = try await NodeLink.call("start", on: self.node.name, timeout: timeout) {
      var request = Muster_V1_StartRequest()
      request.replicas = try replicas.map { Data(try $0.json()) }
      return try await self.api.start(request, options: $0)
    }
    return response.replicas.compactMap { self.voice.report($0) }
  }

  package func abandon(_ plan: Plan) async throws(NodeFault) -> NodeRemains {
    let replicas = plan.services.flatMap { $0.specifications(on: self.node.name) }.map(\.key)
    var remains = try await self.stop(replicas, onlyOwn: true, timeout: plan.stopTimeout)
    if remains.leftovers.isEmpty { remains.living = try await self.end() }
    return remains
  }

  /// Stops replicas, and leaves the daemon as it is.
  ///
  /// - Parameters:
  ///   - replicas: Empty: all.
  ///   - onlyOwn: Of them what this coordinator has had started.
  package func stop(
    _ replicas: [ReplicaKey] = [], onlyOwn: Bool = false, timeout: Duration
  ) async throws(NodeFault) -> NodeRemains {
    let stopped = try await NodeLink.call("stop", on: self.node.name, timeout: timeout) {
      var request = Muster_V1_StopRequest()
      request.replicas = replicas.map(\.description)
      request.own = onlyOwn
      return try await self.api.stop(request, options: $0)
    }
    return NodeRemains(leftovers: stopped.leftovers, foreign: stopped.foreign)
  }

  /// Ends the daemon.
  ///
  /// - Parameters:
  ///   - keepsRecords: Records that were not acknowledged stay on the node, for a resume.
  ///   - keepsHolder: A coordinator from which the run was taken is refused there from now on.
  /// - Returns: What lives, for which it goes on.
  private func end(
    keepsRecords: Bool = false, keepsHolder: Bool = false
  ) async throws(NodeFault) -> [String] {
    try await NodeLink.call("end", on: self.node.name) {
      let request = Muster_V1_EndRequest.with {
        ($0.keepRecords, $0.keepHolder) = (keepsRecords, keepsHolder)
      }
      return try await self.api.end(request, options: $0)
    }.leftovers
  }

  /// Stops every replica of the node and ends its daemon.
  ///
  /// - Parameters:
  ///   - keepsRecords: Records that were not acknowledged stay on the node, for a resume.
  ///   - beforeEnd: Carried out when the replicas have been stopped: the last time to ask the daemon.
  func stopAll(
    timeout: Duration, keepsRecords: Bool = false, keepsHolder: Bool = false,
    beforeEnd: () async -> Void = {}
  ) async throws(NodeFault) -> NodeRemains {
    var remains = try await self.stop(timeout: timeout)
    await beforeEnd()
    if remains.leftovers.isEmpty {
      remains.leftovers = try await self.end(keepsRecords: keepsRecords, keepsHolder: keepsHolder)
    }
    return remains
  }

  /// The same; where it could not be told, that is what is left.
  package func stopAndEnd(timeout: Duration) async -> NodeRemains {
    do throws(NodeFault) {
      return try await self.stopAll(timeout: timeout)
    } catch {
      return NodeRemains(leftovers: [error.diagnostic.summary] + error.diagnostic.causes)
    }
  }
}

extension Plan {
  /// Longer than any replica's grace, the KILL after it and the proof that it is gone.
  package var stopTimeout: Duration {
    let grace = self.services.flatMap { $0.replicas.map(\.launch.stopGraceSeconds) }.max() ?? 0
    return .seconds(grace + 30)
  }
}

extension Plan.Service {
  /// Its replicas on a node, as their agent is told of them.
  package func specifications(on node: String) -> [ReplicaSpecification] {
    self.replicas.filter { $0.node == node }.map {
      ReplicaSpecification(
        key: ReplicaKey(service: self.name, index: $0.index), launch: $0.launch)
    }
  }
}
