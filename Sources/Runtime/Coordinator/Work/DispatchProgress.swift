package import Fleet
package import Rollouts

/// How far the work is.
package struct DispatchProgress: Equatable, Sendable {
  package struct Node: Equatable, Sendable {
    package var name: String
    /// Items that this node was the first to bring, by this coordinator.
    package var recordedCount: UInt64
    /// Items in a second; 0: unknown.
    package var rate: Double
    package var state: State
  }

  package enum State: Equatable, Sendable {
    case connected
    /// The reason, in words; empty before the first attempt has ended.
    case unreachable(String)
    /// It gets nothing any more, and why.
    case cutOff(String)
  }

  /// Items on the coordinator's disk, with those of earlier coordinators of this work.
  package var recordedCount: UInt64
  /// Items that failed too often.
  package var abandonedCount: UInt64
  package var itemCount: UInt64
  /// In the order in which they were given.
  package var nodes: [Node]
}

/// How the work ended.
package struct DispatchResult: Equatable, Sendable {
  package enum Ending: Equatable, Sendable {
    /// Every item is recorded, or failed as often as the plan allows.
    case complete
    /// Every node that could be reached says that it will never do this work, and why.
    case refused(LeaseFault)
    /// No node could be reached for the written time, or all were cut off.
    case unreachable
    /// The coordinator's own disk refused.
    case storeFailed(String)
    case cancelled

    /// In one word, for the journal.
    package var name: String {
      switch self {
      case .complete: "complete"
      case .refused: "refused"
      case .unreachable: "unreachable"
      case .storeFailed: "store-failed"
      case .cancelled: "cancelled"
      }
    }
  }

  package var ending: Ending
  /// Items that are not recorded, in order.
  package var missing: [Range<UInt64>]
  /// The last state of each node says what was wrong with it.
  package var progress: DispatchProgress
}

extension DispatchResult {
  /// What a person is told of the nodes that could not be used to the end, a sentence for each.
  package var warnings: [String] {
    self.progress.nodes.compactMap { node in
      switch node.state {
      case .unreachable(let reason) where self.ending != .complete && !reason.isEmpty:
        "\(node.name): \(reason)"
      case .connected, .unreachable: nil
      case .cutOff(let reason): "\(node.name) was cut off: \(reason)"
      }
    }
  }

  /// Why the work could not be done; `nil`: it was, or some of it is missing.
  package var refusal: Diagnostic? {
    switch self.ending {
    case .complete, .unreachable, .cancelled: nil
    case .refused(let fault):
      Diagnostic(
        code: "work-refused", "the agents cannot do this work", causes: [fault.message],
        hints: ["end the run with the `muster` that began it, and begin anew"])
    case .storeFailed(let words):
      Diagnostic(
        code: "records-not-stored", "the records that came in cannot be stored", causes: [words],
        hints: ["make room, then `--resume` finishes it: what was stored before is kept"])
    }
  }
}
