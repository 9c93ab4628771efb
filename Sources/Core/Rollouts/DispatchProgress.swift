/// How far the work is.
package struct DispatchProgress: Equatable, Sendable {
  package struct Node: Equatable, Sendable {
    package var name: String
    /// Items that this node was the first to bring, by this coordinator.
    package var recordedCount: UInt64
    /// Items in a second; 0: unknown.
    package var rate: Double
    package var state: State

    package init(name: String, recordedCount: UInt64, rate: Double, state: State) {
      self.name = name
      self.recordedCount = recordedCount
      self.rate = rate
      self.state = state
    }
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

  package init(
    recordedCount: UInt64, abandonedCount: UInt64 = 0, itemCount: UInt64, nodes: [Node]
  ) {
    self.recordedCount = recordedCount
    self.abandonedCount = abandonedCount
    self.itemCount = itemCount
    self.nodes = nodes
  }
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

  package init(ending: Ending, missing: [Range<UInt64>], progress: DispatchProgress) {
    self.ending = ending
    self.missing = missing
    self.progress = progress
  }
}
