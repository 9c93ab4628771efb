package import Fleet
import GRPCCore
import GRPCNIOTransportHTTP2TransportServices
import NodeAPI
package import Plan
import SwiftProtobuf

/// A link to a node apart from any run. The agent at its other end lives as long as the link, holds
/// nothing and leaves nothing.
package struct NodeErrand: Sendable {
  private typealias API = Muster_V1_Errands.Client<HTTP2ClientTransport.WrappedChannel>

  /// Thousands of logs on a slow disk.
  private static let sizesTimeout = Duration.seconds(120)

  package let node: Plan.Node
  private let api: API

  /// Opens a link to each node, carries `body` out, and closes it.
  ///
  /// - Parameter open: Opens links for errands.
  package static func each<Answer: Sendable>(
    _ nodes: [Plan.Node], open: @escaping OpenLink,
    body: @escaping @Sendable (NodeErrand) async throws -> Answer
  ) async -> NodeAnswers<Answer> {
    await NodeAnswers(of: nodes) { node throws(NodeFault) in
      try await NodeLink.with(node, open: open) { client in
        try await body(NodeErrand(node: node, api: API(wrapping: client)))
      }
    }
  }

  /// What the node keeps of runs of that name, `nil`: any; newest first. Sizes take as long as its disk.
  package func runs(named name: String?, addsSizes: Bool) async throws(NodeFault) -> [NodeRun] {
    let timeout = addsSizes ? Self.sizesTimeout : NodeSession.callTimeout
    let request = Muster_V1_RunsRequest.with {
      $0.name = name ?? ""
      $0.sizes = addsSizes
    }
    let response = try await NodeLink.call("runs", on: self.node.name, timeout: timeout) {
      try await self.api.runs(request, options: $0)
    }
    return response.runs.compactMap { NodeRun($0) }
  }

  /// Removes what the node keeps of runs, where they are over.
  ///
  /// - Parameter merged: Those of them whose records nobody needs any more.
  package func remove(
    _ runs: [RunID], merged: [RunID]
  ) async throws(NodeFault) -> [RemovedNodeRun] {
    let request = Muster_V1_RemoveRunsRequest.with {
      $0.runs = runs.map(\.rawValue)
      $0.merged = merged.map(\.rawValue)
    }
    let response = try await NodeLink.call(
      "remove runs", on: self.node.name, timeout: Self.sizesTimeout
    ) { try await self.api.removeRuns(request, options: $0) }
    return response.runs.compactMap { RemovedNodeRun($0) }
  }
}

/// A run that a node has a folder of.
package struct NodeRun: Equatable, Sendable {
  package var id: RunID
  /// Of its plan; empty where it has none.
  package var name: String
  /// Its daemon answers, or a process of it is left.
  package var isLive = false
  /// Else it is an eval's, or nothing was ever started.
  package var hasServices = false
  /// It keeps records that no coordinator has fetched.
  package var hasRecords = false
  /// Who held it last; empty: nobody.
  package var holder = ""
  /// On the node's disk, in bytes; 0 unless asked for.
  package var size = 0

  /// At most 2^50 bytes, whatever a node says: sums over a fleet stay far from the largest number.
  fileprivate static func size(_ bytes: UInt64) -> Int { Int(min(bytes, 1 << 50)) }
}

extension NodeRun {
  /// A node is semi-trusted: `nil` for what is no run's id.
  init?(_ facts: Muster_V1_RunFacts) {
    guard let id = RunID(facts.run) else { return nil }
    self.init(id: id, name: facts.name.cut(toBytes: AgentMessages.nameSizeMax))
    self.isLive = facts.live
    self.hasServices = facts.services
    self.hasRecords = facts.records
    self.holder = facts.holder.cut(toBytes: AgentMessages.nameSizeMax)
    self.size = Self.size(facts.sizeBytes)
  }
}

/// A run that a node was asked to remove.
package struct RemovedNodeRun: Equatable, Sendable {
  package var id: RunID
  /// What it took on the node's disk, in bytes.
  package var size: Int
  /// Why it is still there, in words; empty: it is gone.
  package var refusal: String

  init?(_ run: Muster_V1_RemovedRun) {
    guard let id = RunID(run.run) else { return nil }
    (self.id, self.size) = (id, NodeRun.size(run.sizeBytes))
    self.refusal = run.refusal.cut(toBytes: AgentMessages.textSizeMax)
  }
}
