/// What one look at a replica that serves has shown.
package struct LivenessSight: Equatable, Sendable {
  package enum Answer: Equatable, Sendable {
    /// It answered as it should; with its engine's counters where it shows any.
    case fine(EngineCounters?)
    /// Nobody accepts connections. The reason in words.
    case refused(String)
    /// A connection, and no answer in time.
    case unanswered(String)
    /// An answer, and not the right one. The reason in words.
    case faulty(String)
    /// It says itself that it will never serve again. The reason in words.
    case dead(String)
  }

  package var answer: Answer
  /// Processor time of its processes since they started, engine and workers, when the look began;
  /// `nil`: unknown.
  package var processorTime: Duration?
  /// A process of it that a signal has stopped, in words; `nil`: none.
  package var stoppedProcess: String?

  package init(
    _ answer: Answer, processorTime: Duration? = nil, stoppedProcess: String? = nil
  ) {
    self.answer = answer
    self.processorTime = processorTime
    self.stoppedProcess = stoppedProcess
  }
}

/// Numbers that move only when an engine steps, summed over engines; absent is `nil`, never 0.
package struct EngineCounters: Equatable, Sendable {
  /// Requests in the batch, by the engine's last step.
  package var running: Double?
  package var waiting: Double?
  /// Counters, and the share of the KV cache in use: a lone long prefill moves no counter before its
  /// first token.
  package var moving: [Double?]

  package init(running: Double?, waiting: Double?, moving: [Double?]) {
    self.running = running
    self.waiting = waiting
    self.moving = moving
  }

  /// `false` where it is unknown.
  package var hasWork: Bool { (self.running ?? 0) + (self.waiting ?? 0) > 0 }
}

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
  /// From the last movement to the next completion that is asked.
  var canaryRest: Duration { self.canaryInterval - self.canaryTimeout - self.lookInterval * 2 }
  /// Processor time in a second, of one core, from which on a process counts as computing. An idle
  /// engine uses a hundredth.
  package var computingShare = 0.2
  /// Without a look for so long it was the agent that was slow, and nobody else is blamed.
  package var ownGapMax = Duration.seconds(3)

  /// - Parameter asksCanaries: Whether it serves completions; a server that is no model's may write a
  ///   line for each connection, and is looked at less often.
  package init(asksCanaries: Bool = true) {
    if !asksCanaries { self.lookInterval = .seconds(5) }
  }
}
