import FleetView
import Terminal

/// Draws the fleet on the terminal and follows the keys, until somebody ends it.
struct TopDisplay {
  /// Four times a second: what changes more often is read by nobody.
  private static let pause = Duration.milliseconds(250)

  let watch: RunWatch<ContinuousClock>
  var settings: TopSettings

  /// - Throws: `CancellationError` when interrupted, from outside or by a key.
  mutating func run() async throws {
    let screen = TerminalScreen()
    defer { screen.leave() }
    let clock = Composition.clock
    var moment = self.watch.moment()
    var drawn: (version: UInt64, second: Int64, settings: TopSettings)?
    while true {
      let input = screen.input()
      for key in TopKey.keys(in: input.bytes) {
        switch self.settings.press(key) {
        case .draw: break
        case .quit: return
        case .interrupt: throw CancellationError()
        }
      }
      if input.isOver { throw CancellationError() }
      let version = self.watch.version
      let second = Int64(CoordinatorIdentity.nowMilliseconds / 1000)
      let isDrawn = drawn.map { $0 == (version, second, self.settings) } ?? false
      if !isDrawn || input.isDisturbed {
        if !self.settings.isPaused { moment = self.watch.moment() }
        let size = screen.size
        let lines = TopScreen(moment, self.settings).lines(width: size.width, height: size.height)
        screen.draw(lines, size: size)
        drawn = (version, second, self.settings)
      }
      try await clock.sleep(for: Self.pause)
    }
  }
}
