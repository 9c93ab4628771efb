import NodeAPI
package import Plan
import SwiftProtobuf

extension NodeSession {
  /// An agent gives up on what hangs after 15 s; this is for one on a machine under load.
  private static let examinationTimeout = Duration.seconds(30)

  /// Asks the node what it is and has.
  ///
  /// - Parameter now: Milliseconds since 1970 by the coordinator's clock.
  package func examine(
    _ plan: Plan, _ now: @Sendable () -> Int64
  ) async throws(NodeFault) -> PreflightAnswer {
    let question = PreflightQuestion(plan, node: self.node.name)
    let asked = now()
    let facts = try await self.call("preflight", timeout: Self.examinationTimeout) {
      api, options in
      try await api.preflight(Muster_V1_PreflightRequest(question), options: options)
    }
    return PreflightAnswer(
      node: self.node.name, facts: PreflightFacts(facts), asked: asked, answered: now(),
      clock: facts.clockMilliseconds, took: Int64(facts.tookMilliseconds))
  }
}

extension FleetCall {
  /// Looks at each node.
  ///
  /// - Parameter endsAgents: For agents that were started for this alone.
  package static func examine(
    _ plan: Plan, _ nodes: [Plan.Node], open: @escaping OpenLink, attachment: Attachment,
    endsAgents: Bool, now: @escaping @Sendable () -> Int64
  ) async -> [(node: Plan.Node, result: Result<PreflightAnswer, NodeFault>)] {
    await Self.each(nodes, open: open, attachment: attachment) { session in
      let answer: Result<PreflightAnswer, NodeFault>
      do throws(NodeFault) {
        answer = .success(try await session.examine(plan, now))
      } catch {
        answer = .failure(error)
      }
      // One that is not ended, since the link broke, ends by itself within an hour or two.
      if endsAgents { _ = await session.stopAndEnd(timeout: NodeSession.callTimeout) }
      return try answer.get()
    }
  }
}

extension Muster_V1_PreflightRequest {
  fileprivate init(_ question: PreflightQuestion) {
    self = .with {
      $0.programs = question.programs.map { program in
        .with {
          $0.name = program.name
          $0.path = program.searchPath
        }
      }
      $0.ports = question.ports.map(UInt32.init)
      $0.paths = question.paths
      $0.peers = question.peers
      $0.packages = question.packages
    }
  }
}
