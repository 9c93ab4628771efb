/// What is counted over one episode.
package struct EpisodeTally: Equatable, Sendable {
  package internal(set) var tokens = 0
  package internal(set) var failures = 0
  package internal(set) var swapLatency = 0.0
  package internal(set) var risk = 0.0
  package internal(set) var evictions = 0
  package internal(set) var compressions = 0
  package internal(set) var swaps = 0
  package internal(set) var keeps = 0
  package internal(set) var invalidActions = 0
  package internal(set) var completions = 0
  package internal(set) var admissions = 0
  /// Steps that ended with a usage above 0.95.
  package internal(set) var pressureSteps = 0
  /// The largest usage of the history; 0 before the first step.
  package internal(set) var peakUsage = 0.0
  /// The sum over the history of what ``headroom(of:)`` gives.
  var headroom = 0.0

  /// A step ended with this usage.
  mutating func join(usage: Double) {
    self.headroom += Self.headroom(of: usage)
    if usage > self.peakUsage { self.peakUsage = usage }
    if usage > 0.95 { self.pressureSteps &+= 1 }
  }

  /// simulator.md §6, `headroom_bonus`.
  private static func headroom(of usage: Double) -> Double {
    usage < 0.8 ? 1.0 : usage < 0.95 ? 0.5 : usage < 1.0 ? 0.2 : -0.5
  }
}
