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

    package init(
      pauseMin: Duration, pauseMax: Duration, refusedPause: Duration?, heldPause: Duration?
    ) {
      self.pauseMin = pauseMin
      self.pauseMax = pauseMax
      self.refusedPause = refusedPause
      self.heldPause = heldPause
    }

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
