/// How long a replica that was ready may show nothing before it is called by another name.
package struct LivenessSettings: Equatable, Sendable {
  /// From one look at its metrics and processes to the next.
  package var lookInterval = Duration.seconds(2)
  /// A look fails this often before it counts: one bad look changes nothing.
  package var failureCountMin = 2
  /// Work is there and nothing moves for so long: busy.
  package var busyTime = Duration.seconds(5)
  /// Work is there, nothing moves and nothing computes for so long: stalled.
  package var stallTime = Duration.seconds(10)
  /// Work is there and nothing moves, but its processes compute: a prefill in one step takes minutes
  /// at most. vLLM itself gives a step 300 s (`VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS`).
  package var computingStallTime = Duration.seconds(300)
  /// An engine that rests and one that is stuck look alike: a completion is asked often enough that a
  /// stuck one is known within this time.
  package var canaryInterval = Duration.seconds(30)
  /// Of that time, so much is left for the answer.
  package var canaryTimeout = Duration.seconds(10)
  /// Processor time in a second, of one core, from which on a process counts as computing. An idle
  /// engine uses a hundredth.
  package var computingShare = 0.2
  /// Without a look for so long it was the agent that was slow, and nobody else is blamed.
  package var ownGapMax = Duration.seconds(3)

  package init() {}
}
