/// The stable key of an item, stamped before anything is split. Ordered by task, then rollout.
package struct ItemKey: Hashable, Sendable {
  /// Counts from 0, below the plan's task count.
  package var taskIndex: UInt64
  /// Counts from 0, below the plan's rollouts per task.
  package var rolloutIndex: UInt64

  package init(taskIndex: UInt64, rolloutIndex: UInt64) {
    self.taskIndex = taskIndex
    self.rolloutIndex = rolloutIndex
  }
}

extension ItemKey: Comparable {
  package static func < (lhs: Self, rhs: Self) -> Bool {
    (lhs.taskIndex, lhs.rolloutIndex) < (rhs.taskIndex, rhs.rolloutIndex)
  }
}
