package import Fleet

/// What Runtime needs of the process that it works in; the composition root makes it.
package struct Surroundings: Sendable {
  /// Who this process is, to agents and to people: `user@host pid N`.
  package var coordinator: String
  /// Since 1970 in UTC.
  package var milliseconds: @Sendable () -> Int64
  /// A variable of the process's environment; `nil` where it is not set.
  package var variable: @Sendable (String) -> String?
  /// 64 bits of chance.
  package var draw: @Sendable () -> UInt64
  /// Takes a line for whoever runs the command, without line feed.
  package var say: @Sendable (String) -> Void
  /// Takes what is not as it should be.
  package var tell: @Sendable (Diagnostic) -> Void

  package init(
    coordinator: String, milliseconds: @escaping @Sendable () -> Int64,
    variable: @escaping @Sendable (String) -> String?, draw: @escaping @Sendable () -> UInt64,
    say: @escaping @Sendable (String) -> Void, tell: @escaping @Sendable (Diagnostic) -> Void
  ) {
    self.coordinator = coordinator
    self.milliseconds = milliseconds
    self.variable = variable
    self.draw = draw
    self.say = say
    self.tell = tell
  }

  /// Tells of what is wrong and keeps nobody from going on.
  func warn(_ fault: RunFault) {
    for var diagnostic in fault.diagnostics {
      diagnostic.severity = .warning
      self.tell(diagnostic)
    }
  }

  private struct Chance: RandomNumberGenerator {
    let draw: @Sendable () -> UInt64

    mutating func next() -> UInt64 { self.draw() }
  }

  func newRunID() -> RunID {
    var chance = Chance(draw: self.draw)
    return RunID(milliseconds: self.milliseconds(), using: &chance)
  }
}
