/// What one look at a replica that serves has shown.
package struct LivenessSight: Equatable, Sendable {
  package enum Answer: Equatable, Sendable {
    /// It answered as it should; with its engine's counters where it has any.
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
