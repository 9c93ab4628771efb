/// What to simulate, checked.
package struct SimulatorJob: Sendable, Equatable {
  /// More than an episode ever holds sequences changes nothing.
  package static let maxActionsMax = 1_000_000
  /// Keeps the number of items of any job far from overflow.
  package static let rolloutsMax = 1_000_000_000

  package let policy: PolicyName
  package let seed: UInt64
  package let difficulty: Difficulty
  /// Rollouts of each scenario, at least 1.
  package let rolloutsPerExample: Int
  /// Successful actions in a step, at least 1.
  package let maxActionsPerStep: Int

  /// - Throws: ``SimulatorJobError`` for the first value that is not valid.
  package init(
    policy: String, seed: UInt64, difficulty: String, rolloutsPerExample: Int = 1,
    maxActionsPerStep: Int = 4
  ) throws(SimulatorJobError) {
    guard let policyName = PolicyName(rawValue: policy) else {
      throw .unknownPolicy(policy)
    }
    guard let tier = Difficulty(rawValue: difficulty) else {
      throw .unknownDifficulty(difficulty)
    }
    guard (1...Self.rolloutsMax).contains(rolloutsPerExample) else {
      throw .rolloutsOutOfRange(rolloutsPerExample)
    }
    guard (1...Self.maxActionsMax).contains(maxActionsPerStep) else {
      throw .maxActionsOutOfRange(maxActionsPerStep)
    }
    self.policy = policyName
    self.seed = seed
    self.difficulty = tier
    self.rolloutsPerExample = rolloutsPerExample
    self.maxActionsPerStep = maxActionsPerStep
  }
}

/// Why a job cannot be simulated.
package enum SimulatorJobError: Error, Equatable, Sendable, CustomStringConvertible {
  case unknownPolicy(String)
  case unknownDifficulty(String)
  case rolloutsOutOfRange(Int)
  case maxActionsOutOfRange(Int)

  /// One sentence that names the value, and the valid ones.
  package var description: String {
    switch self {
    case .unknownPolicy(let value):
      Self.unknown("policy", value, PolicyName.allCases.map(\.rawValue))
    case .unknownDifficulty(let value):
      Self.unknown("difficulty", value, Difficulty.allCases.map(\.rawValue))
    case .rolloutsOutOfRange(let value):
      "rollouts per example `\(value)` is not in 1 to \(SimulatorJob.rolloutsMax)"
    case .maxActionsOutOfRange(let value):
      "max actions per step `\(value)` is not in 1 to \(SimulatorJob.maxActionsMax)"
    }
  }

  private static func unknown(_ what: String, _ value: String, _ valid: [String]) -> String {
    // Quoted only so far: it comes from outside.
    let shown = String(value.prefix(40))
    let nearest = valid.min { distance(shown, $0) < distance(shown, $1) } ?? ""
    return "unknown \(what) `\(shown)`; did you mean `\(nearest)`? "
      + "Valid: \(valid.joined(separator: ", "))"
  }

  /// Levenshtein's distance in characters.
  private static func distance(_ one: String, _ other: String) -> Int {
    let other = Array(other)
    var row = Array(0...other.count)
    for (i, character) in one.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, target) in other.enumerated() {
        let replaced = diagonal + (character == target ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
      }
    }
    return row[other.count]
  }
}
