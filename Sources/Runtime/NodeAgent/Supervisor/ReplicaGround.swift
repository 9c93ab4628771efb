import Health
import Launch

/// What a replica stands on, as its supervisor sees it and acts on it: processes, logs, ports, time.
protocol ReplicaGround: Sendable {
  associatedtype RunClock: Clock & Sendable where RunClock.Duration == Duration
  associatedtype Attempt: ReplicaAttempt

  var clock: RunClock { get }

  /// Makes a place for it, and writes down how it is started.
  func prepare() async throws

  /// Waits from one look to the next.
  ///
  /// - Parameter quiet: Until then nothing comes of a look at which nothing is seen; `nil`: for good.
  func rest(quietUntil quiet: RunClock.Instant?) async

  /// Launches the process of an attempt.
  ///
  /// - Throws: The exact reason why there is none; `CancellationError` where it is
  ///   left to the next daemon.
  func launch(attempt: Int) async throws -> Attempt

  func logPath(ofAttempt attempt: Int) -> String

  /// The end of the log of an attempt that has failed, for people.
  func logEnd(ofAttempt attempt: Int) async -> [String]

  /// `text` without the values of the replica's secrets, and without what has the shape of one.
  func redact(_ text: String) -> String

  /// Writes down what is shown of the replica: for people, and a hint to the next daemon.
  func publish(_ status: ReplicaStatus) async
}

/// One attempt that was launched: its processes, and what they answer.
protocol ReplicaAttempt: Sendable {
  var processID: Int64 { get }

  /// - Parameter isClearing: Whether it is being ended, so that all that is left is looked for.
  /// - Throws: When the daemon ends.
  mutating func look(isClearing: Bool) async throws -> ReplicaSight

  /// TERM to what is there of it.
  func terminate() async

  /// KILL to everything that is left of it.
  func kill() async

  /// What outlived KILL, in words.
  func leftovers() async -> [String]

  /// Probes once whether it is ready; never later than a minute or so.
  func probe(_ note: @escaping @Sendable (ProbeNote) -> Void) async -> ProbeOutcome

  /// Looks at what serves, with its processes as of the last look; never later than twenty seconds or so.
  func sight() async -> LivenessSight
}
