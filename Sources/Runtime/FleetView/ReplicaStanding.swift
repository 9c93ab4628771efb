package import Coordinator
package import Health
package import Launch
import Plan

/// A replica of the plan, and the last that is known of it.
package struct ReplicaStanding: Equatable, Sendable {
  package var key: ReplicaKey
  package var node: String
  /// `nil`: not started, or its node does not answer.
  package var report: ReplicaReport?
  /// Its node does not answer.
  var isSilent = false

  /// The state's name, `unreachable`, or `not started`.
  package var word: String {
    self.report?.state.rawValue ?? (self.isSilent ? "unreachable" : "not started")
  }

  package var stateText: String {
    self.report?.isUnproven == true ? "\(self.word) (unproven)" : self.word
  }

  package var reason: String { self.report?.reason ?? "" }

  /// `busy` is ready with a slow answer.
  package var isReady: Bool { self.report?.state == .ready || self.report?.state == .busy }
}

extension Plan {
  /// All replicas in its order.
  ///
  /// - Parameters:
  ///   - reports: What agents said; of two of one replica the last counts.
  ///   - silent: Nodes that do not answer.
  func standings(_ reports: [ReplicaReport] = [], silent: Set<String> = []) -> [ReplicaStanding] {
    let known = Dictionary(reports.map { ($0.key, $0) }) { _, last in last }
    return self.services.flatMap { service in
      service.replicas.map { replica in
        let key = ReplicaKey(service: service.name, index: replica.index)
        return ReplicaStanding(
          key: key, node: replica.node, report: known[key],
          isSilent: silent.contains(replica.node))
      }
    }
  }
}

extension NodeFault {
  /// What nodes answered, in their order, and the faults of those that did not.
  static func parted<Answer>(
    _ results: [(node: Plan.Node, result: Result<Answer, NodeFault>)]
  ) -> (answers: [Answer], faults: [NodeFault]) {
    results.reduce(into: ([], [])) { parts, one in
      switch one.result {
      case .success(let answer): parts.answers.append(answer)
      case .failure(let fault): parts.faults.append(fault)
      }
    }
  }
}

/// How a fleet is as a whole; `status`, `top` and whoever shows it say the same of the same.
package enum FleetCondition: Equatable, Sendable {
  /// Every replica is ready.
  case ready
  /// One has failed, whatever else there is.
  case failed
  /// A node does not answer.
  case unreachable
  /// Anything between.
  case mixed

  /// - Parameters:
  ///   - states: The last that is known of each planned replica; `nil`: nothing.
  ///   - hasUnreachable: Whether a node does not answer.
  package init(states: [ReplicaPhase?], hasUnreachable: Bool) {
    if states.contains(.failed) {
      self = .failed
    } else if hasUnreachable {
      self = .unreachable
    } else {
      self = states.allSatisfy { $0 == .ready || $0 == .busy } ? .ready : .mixed
    }
  }
}
