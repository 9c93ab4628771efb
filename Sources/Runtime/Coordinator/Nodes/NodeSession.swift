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

  package var runsReplicas: Bool {
    self.attached.replicas.contains { ReplicaStatus($0)?.state.isFinal == false }
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

  package func start(
    _ services: [Plan.Service], _ hear: @escaping @Sendable (ReplicaReport) -> Void
  ) async throws(NodeFault) {
    let replicas = services.flatMap { $0.specifications(on: self.node.name) }
    guard !replicas.isEmpty else { return }
    let response = try await NodeLink.call("start", on: self.node.name) {
      var request = Muster_V1_StartRequest()
      request.replicas = try replicas.map { Data(try $0.json()) }
      return try await self.api.start(request, options: $0)
    }
    for status in response.replicas {
      if let report = self.voice.report(status) { hear(report) }
    }
  }

  package func stop(timeout: Duration) async throws(NodeFault) -> NodeRemains {
    try await self.stop(timeout: timeout, keepsRecords: false) {}
  }

  /// - Parameters:
  ///   - keepsRecords: Records that were not acknowledged stay on the node, for a resume.
  ///   - beforeEnd: Carried out when the replicas have been stopped: the last time to ask the daemon.
  private func stop(
    timeout: Duration, keepsRecords: Bool, beforeEnd: () async -> Void
  ) async throws(NodeFault) -> NodeRemains {
    let stopped = try await NodeLink.call("stop", on: self.node.name, timeout: timeout) {
      try await self.api.stop(.init(), options: $0)
    }
    await beforeEnd()
    var remains = NodeRemains(leftovers: stopped.leftovers, foreign: stopped.foreign)
    guard remains.leftovers.isEmpty else { return remains }
    remains.leftovers = try await NodeLink.call("end", on: self.node.name) {
      try await self.api.end(.with { $0.keepRecords = keepsRecords }, options: $0)
    }.leftovers
    return remains
  }

  /// The same; where it could not be told, that is what is left.
  package func stopAndEnd(
    timeout: Duration, keepsRecords: Bool = false, beforeEnd: () async -> Void = {}
  ) async -> NodeRemains {
    do throws(NodeFault) {
      return try await self.stop(
        timeout: timeout, keepsRecords: keepsRecords, beforeEnd: beforeEnd)
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
