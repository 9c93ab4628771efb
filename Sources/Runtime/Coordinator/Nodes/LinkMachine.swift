import Synchronization

/// Decides whether a link that has ended is opened again, and when. It reads no clock.
///
/// Pauses double from one try that failed to the next, and are short again once a link has stood. What a
/// node refuses, and what another holds, is waited for longer or given up: as the settings say.
package struct LinkMachine: Sendable {
  package struct Settings: Equatable, Sendable {
    /// After a link that stood, and after the first try that failed.
    package var pauseMin: Duration
    package var pauseMax: Duration
    /// `nil`: what is refused once is given up.
    package var refusedPause: Duration?
    /// `nil`: what another holds is given up.
    package var heldPause: Duration?

    /// For as long as a launch goes on. One second is long enough for an sshd that drops connections at
    /// random; a node that refuses was up before, or ends the launch.
    package static let launch = Settings(
      pauseMin: .seconds(1), pauseMax: .seconds(1), refusedPause: .seconds(1), heldPause: nil)
    /// While somebody looks on. A host key that has changed may be mended meanwhile.
    package static let watch = Settings(
      pauseMin: .seconds(1), pauseMax: .seconds(1), refusedPause: .seconds(30),
      heldPause: .seconds(1))
    /// While there is work. Nodes may be started long after it has begun.
    package static let work = Settings(
      pauseMin: .milliseconds(250), pauseMax: .seconds(5), refusedPause: .seconds(5),
      heldPause: .seconds(5))
  }

  package enum Action: Equatable, Sendable {
    case again(after: Duration)
    case giveUp
  }

  private let settings: Settings
  /// Since a link last stood.
  private var failureCount = 0

  package init(_ settings: Settings) {
    self.settings = settings
  }

  /// The node has answered.
  package mutating func opened() {
    self.failureCount = 0
  }

  /// No link came up, or the one that stood has broken.
  package mutating func faulted(_ kind: NodeFault.Kind) -> Action {
    switch kind {
    case .refused: return self.settings.refusedPause.map { .again(after: $0) } ?? .giveUp
    case .held: return self.settings.heldPause.map { .again(after: $0) } ?? .giveUp
    case .unreachable:
      // Beyond 16 doublings every pause is the longest.
      let pause = self.settings.pauseMin * (1 << min(self.failureCount, 16))
      self.failureCount += 1
      return .again(after: min(pause, self.settings.pauseMax))
    }
  }
}

/// Keeps a link to one node: opens it, and opens it again when it has broken, as a ``LinkMachine`` says.
package enum LinkKeeper {
  /// Returns when a visit has done what it is for, when the node is given up, or when the task is
  /// cancelled.
  ///
  /// - Parameters:
  ///   - visit: Opens one link, calls what it is given once the node has answered, and returns when
  ///     nothing more is wanted of the node.
  ///   - lost: Hears why a visit has ended before, unless the task was cancelled, and says what kind of
  ///     fault it was; `nil`: nothing more is wanted of the node.
  package static func keep<Fault: Error>(
    _ settings: LinkMachine.Settings, clock: some Clock<Duration>,
    _ visit: (_ opened: @escaping @Sendable () -> Void) async throws(Fault) -> Void,
    lost: (Fault) async -> NodeFault.Kind?
  ) async {
    let machine = Mutex(LinkMachine(settings))
    while !Task.isCancelled {
      let action: LinkMachine.Action
      do throws(Fault) {
        return try await visit { machine.withLock { $0.opened() } }
      } catch {
        guard !Task.isCancelled, let kind = await lost(error) else { return }
        action = machine.withLock { $0.faulted(kind) }
      }
      guard case .again(let pause) = action,
        (try? await clock.sleep(until: clock.now.advanced(by: pause), tolerance: nil)) != nil
      else { return }
    }
  }
}
