/// The built-in policies (simulator.md §8).
package enum PolicyName: String, CaseIterable, Codable, Sendable {
  case keep
  case random
  case lru
  case value
  case compress

  /// Its name in records.
  package var name: StaticString {
    switch self {
    case .keep: "keep"
    case .random: "random"
    case .lru: "lru"
    case .value: "value"
    case .compress: "compress"
    }
  }

  /// Whether the rollouts of one scenario differ; the others repeat the same episode.
  package var isStochastic: Bool { self == .random }
}
