/// The stable key of an item, stamped before anything is split.
package struct ItemKey: Hashable, Sendable {
  /// Counts from 0, below the plan's task count.
  package var taskIndex: UInt64
  /// Counts from 0, below the plan's rollouts per task.
  package var rolloutIndex: UInt64

  package init(taskIndex: UInt64, rolloutIndex: UInt64) {
    self.taskIndex = taskIndex
    self.rolloutIndex = rolloutIndex
  }

  /// The key of an item by its place in the plan.
  ///
  /// - Parameter rolloutsPerTask: At least 1.
  package init(ordinal: UInt64, rolloutsPerTask: UInt64) {
    let (task, rollout) = ordinal.quotientAndRemainder(dividingBy: rolloutsPerTask)
    self.init(taskIndex: task, rolloutIndex: rollout)
  }
}

/// Why an item has no result: becomes its failure record.
package struct ItemFailure: Error, Equatable {
  /// Short and stable, for counting.
  package var failureClass: String
  /// For people.
  package var message: String

  package init(_ failureClass: String, _ message: String) {
    self.failureClass = failureClass
    self.message = message
  }
}
