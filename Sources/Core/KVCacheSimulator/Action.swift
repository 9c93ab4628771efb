/// What a policy may do (simulator.md §4).
package enum ActionVerb: String, CaseIterable, Sendable {
  case evict
  case compress
  case swapToCPU = "swap_to_cpu"
  case keep

  /// Its name in traces and tool calls.
  package var name: StaticString {
    switch self {
    case .evict: "evict"
    case .compress: "compress"
    case .swapToCPU: "swap_to_cpu"
    case .keep: "keep"
    }
  }
}

/// What an action came to; anything but `ok` changed nothing and counts as an invalid action.
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

  /// The text that the policy gets.
  package var name: StaticString {
    switch self {
    case .ok: "ok"
    case .swapped: "swapped"
    case .alreadyInt4: "already int4"
    case .alreadySwapped: "already swapped"
    case .cpuPoolFull: "cpu pool full"
    case .noSuchSequence: "no such sequence"
    case .unknownAction: "unknown action"
    case .actionBudgetSpent: "action budget spent"
    case .episodeOver: "episode over"
    }
  }
}

/// An action of a policy with its result, for the trace.
package struct AppliedAction: Equatable, Sendable {
  package var verb: ActionVerb
  /// Nil for `keep`.
  package var sequenceID: Int?
  package var result: ActionResult
}
