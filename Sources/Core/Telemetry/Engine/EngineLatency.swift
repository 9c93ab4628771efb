/// The times that an engine keeps histograms of, in seconds.
package enum EngineLatency: String, CaseIterable, Sendable {
  /// From a request's arrival to its first token.
  case firstToken = "ttft"
  /// From a token to the next of the same request.
  case interToken = "itl"
  /// From a request's arrival to its last token.
  case endToEnd = "e2e"
  /// From a request's arrival to its first step.
  case queue
}

/// Why a request ended; the raw value is the label `finished_reason`.
package enum EngineFinishReason: String, CaseIterable, Sendable {
  case stop
  case length
  case abort
  case error
  case repetition
}
