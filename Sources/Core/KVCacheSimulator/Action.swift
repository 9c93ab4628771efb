/// What a policy may do (simulator.md §4), by its name in traces and tool calls.
package enum ActionVerb: String, CaseIterable, Sendable {
  case evict
  case compress
  case swapToCPU = "swap_to_cpu"
  case keep
}

/// What an action came to, as the policy is told; anything but `ok` changed nothing and counts as an
/// invalid action.
package enum ActionResult: String, CaseIterable, Sendable {
  case ok
  case swapped
  case alreadyInt4 = "already int4"
  case alreadySwapped = "already swapped"
  case cpuPoolFull = "cpu pool full"
  case noSuchSequence = "no such sequence"
  case unknownAction = "unknown action"
  case actionBudgetSpent = "action budget spent"
  case episodeOver = "episode over"
}

/// An action of a policy with its result, for the trace.
package struct AppliedAction: Equatable, Sendable {
  package var verb: ActionVerb
  /// Nil for `keep`.
  package var sequenceID: Int?
  package var result: ActionResult
}
