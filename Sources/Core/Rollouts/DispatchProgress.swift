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
  package var itemCount: UInt64
  /// In the order in which they were given.
  package var nodes: [Node]

  package init(recordedCount: UInt64, itemCount: UInt64, nodes: [Node]) {
    self.recordedCount = recordedCount
    self.itemCount = itemCount
    self.nodes = nodes
  }
}

/// How the work ended.
package struct DispatchResult: Equatable, Sendable {
  package enum Ending: Equatable, Sendable {
    /// Every item is recorded.
    case complete
    /// No node could be reached for the written time, or all were cut off.
    case unreachable
    /// The coordinator's own disk refused.
    case storeFailed(String)
    case cancelled
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
