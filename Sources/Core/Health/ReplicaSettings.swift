package import Launch

/// What the recipe of a replica says about its life.
package struct ReplicaSettings: Equatable, Sendable {
  /// Whether readiness is probed; else it is alive for ``unprovenTime``.
  package var isProbed: Bool
  /// Whether it serves completions, and is asked for one now and then.
  package var asksCanaries: Bool
  /// Once it is ready.
  package var liveness = LivenessSettings()
  /// From the start of the process to ready, above 0.
  package var readyTimeout: Duration
  /// From the first TERM to KILL, at least 0.
  package var stopGrace: Duration
  /// Whether its process may end by itself, with status 0.
  package var isTask: Bool

  /// How long a process that is not probed must live to count as ready.
  package static let unprovenTime = Duration.seconds(2)
  /// From the end of one probe to the start of the next, before it is ready.
  package static let probeInterval = Duration.milliseconds(500)
  /// TERM is repeated: vLLM swallows one that comes while it starts.
  package static let terminateInterval = Duration.seconds(1)
  /// KILL is repeated for what was forked meanwhile.
  package static let killInterval = Duration.milliseconds(200)
  /// After the first KILL, what is left is stuck in the kernel and named as such.
  package static let killTime = Duration.seconds(10)

  package init(
    isProbed: Bool, asksCanaries: Bool = false, readyTimeout: Duration, stopGrace: Duration,
    isTask: Bool = false
  ) {
    precondition(readyTimeout > .zero, "readyTimeout is \(readyTimeout), above 0 is needed")
    precondition(stopGrace >= .zero, "stopGrace is \(stopGrace), at least 0 is needed")
    self.isProbed = isProbed
    self.asksCanaries = asksCanaries
    self.readyTimeout = readyTimeout
    self.stopGrace = stopGrace
    self.isTask = isTask
  }
}

extension ReplicaSettings {
  /// From one look at a server that is no model's to the next: it may write a line for each connection.
  private static let plainLookInterval = Duration.seconds(5)

  /// - Parameter launch: Checked.
  package init(_ launch: LaunchSpecification) {
    var (isProbed, asksCanaries) = (true, false)
    switch launch.readiness {
    case .probe: break
    case .canary: asksCanaries = true
    case .life: isProbed = false
    }
    self.init(
      isProbed: isProbed, asksCanaries: asksCanaries,
      readyTimeout: .seconds(launch.readyTimeoutSeconds),
      stopGrace: .seconds(launch.stopGraceSeconds), isTask: launch.isTask)
    if !asksCanaries { self.liveness.lookInterval = Self.plainLookInterval }
  }
}
