import GRPCCore
import Health
import Launch
import NodeAPI
package import Plan
import SwiftProtobuf

extension NodeSession: LaunchSession {
  package var processID: Int64 { self.attached.processID }

  package var runsReplicas: Bool {
    self.attached.replicas.contains { ReplicaPhase($0.state)?.isFinal == false }
  }

  package func watch(_ hear: @escaping @Sendable (ReplicaReport) -> Void) async throws {
    let node = self.node.name
    try await self.api.watch(.init()) { response in
      for try await status in response.messages {
        if let report = ReplicaReport(status, node: node) { hear(report) }
      }
    }
  }

  package func start(
    _ services: [Plan.Service], _ hear: @escaping @Sendable (ReplicaReport) -> Void
  ) async throws(NodeFault) {
    let node = self.node.name
    let specs = services.flatMap { service in
      service.replicas.filter { $0.node == node }
        .map { Muster_V1_ReplicaSpec(service.specification(of: $0)) }
    }
    guard !specs.isEmpty else { return }
    let response = try await self.call("start") { api, options in
      try await api.start(.with { $0.replicas = specs }, options: options)
    }
    for status in response.replicas {
      if let report = ReplicaReport(status, node: node) { hear(report) }
    }
  }

  package func stop(timeout: Duration) async throws(NodeFault) -> NodeRemains {
    try await self.stoppedAndEnded(timeout: timeout, keepsRecords: false) {}
  }
}
