import Fleet
package import Rollouts

/// What to simulate, checked: the specification of a work of the kind `simulator`.
package struct SimulatorSpecification: Codable, Equatable, Sendable {
  package static let kind = "simulator"
  /// More than an episode ever holds sequences changes nothing.
  package static let maxActionsMax = 1_000_000
  /// An hour.
  package static let episodeCostMax: Duration = .seconds(3600)

  package var policy: PolicyName
  package var difficulty: Difficulty
  package var seed: UInt64
  /// Successful actions in a step, 1 to ``maxActionsMax``.
  package var maxActionsPerStep: Int
  /// Microseconds that each episode of an eval waits, to stand for one that asks a model.
  private let episodeCostMicroseconds: Int64

  private enum CodingKeys: String, CodingKey {
    case policy, difficulty, seed
    case maxActionsPerStep = "max_actions_per_step"
    case episodeCostMicroseconds = "episode_cost_microseconds"
  }

  /// - Parameters:
  ///   - maxActionsPerStep: 1 to ``maxActionsMax``.
  ///   - episodeCost: 0 to ``episodeCostMax``; counted in microseconds.
  package init(
    policy: PolicyName = .lru, difficulty: Difficulty = .all, seed: UInt64 = 42,
    maxActionsPerStep: Int = 4, episodeCost: Duration = .zero
  ) {
    precondition(1...Self.maxActionsMax ~= maxActionsPerStep, "\(maxActionsPerStep) actions")
    self.policy = policy
    self.difficulty = difficulty
    self.seed = seed
    self.maxActionsPerStep = maxActionsPerStep
    self.episodeCostMicroseconds = Int64((episodeCost / .microseconds(1)).rounded())
  }

  /// - Throws: ``SimulatorSpecificationError`` for the first value that is not valid.
  package init(
    policy: String, seed: UInt64, difficulty: String, maxActionsPerStep: Int = 4,
    episodeCost: Duration = .zero
  ) throws(SimulatorSpecificationError) {
    guard (1...Self.maxActionsMax).contains(maxActionsPerStep) else {
      throw .init(
        "max actions per step `\(maxActionsPerStep)` is not in 1 to \(Self.maxActionsMax)")
    }
    guard (.zero...Self.episodeCostMax).contains(episodeCost) else {
      throw .init("episode cost `\(episodeCost)` is not in 0 to \(Self.episodeCostMax)")
    }
    self.init(
      policy: try Self.choice(policy, "policy"),
      difficulty: try Self.choice(difficulty, "difficulty"),
      seed: seed, maxActionsPerStep: maxActionsPerStep, episodeCost: episodeCost)
  }

  private static func choice<Choice: RawRepresentable & CaseIterable>(
    _ text: String, _ what: String
  ) throws(SimulatorSpecificationError) -> Choice where Choice.RawValue == String {
    if let choice = Choice(rawValue: text) { return choice }
    let valid = Choice.allCases.map(\.rawValue)
    // Quoted only so far: it comes from outside.
    let shown = String(text.prefix(40))
    let nearest = Nearest.name(to: shown, in: valid).map { "did you mean `\($0)`? " } ?? ""
    throw .init(
      "unknown \(what) `\(shown)`; \(nearest)Valid: \(valid.joined(separator: ", "))")
  }

  package var episodeCost: Duration { .microseconds(self.episodeCostMicroseconds) }

  // MARK: Coding

  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    try self.init(
      policy: try container.decode(String.self, forKey: .policy),
      seed: try container.decode(UInt64.self, forKey: .seed),
      difficulty: try container.decode(String.self, forKey: .difficulty),
      maxActionsPerStep: try container.decode(Int.self, forKey: .maxActionsPerStep),
      episodeCost: .microseconds(
        try container.decode(UInt32.self, forKey: .episodeCostMicroseconds)))
  }

  /// As a work plan carries it: JSON with sorted keys and no blanks.
  package func canonicalJSON() throws -> [UInt8] { try CanonicalJSON.bytes(of: self) }

  /// Reads what ``canonicalJSON()`` wrote, and nothing else.
  package init(canonicalJSON bytes: [UInt8]) throws(SimulatorSpecificationError) {
    do {
      self = try CanonicalJSON.value(from: bytes)
      guard try self.canonicalJSON() == bytes else {
        throw SimulatorSpecificationError(
          "no specification of the simulator: it is not canonical")
      }
    } catch {
      throw error as? SimulatorSpecificationError
        ?? .init("no specification of the simulator: \(error)")
    }
  }

  // MARK: Its work

  /// How its records are reported: by difficulty, rewards first.
  package func reportLayout(of plan: WorkPlan) -> ReportLayout {
    var groups = [(name: self.difficulty.rawValue, planned: plan.itemCount)]
    if self.difficulty == .all {
      // Scenario i has the tier i mod 3.
      groups += DifficultyTier.allCases.enumerated().map { index, tier in
        let taskCount = (plan.taskCount + 2 - UInt64(index)) / 3
        return (tier.rawValue, taskCount * plan.rolloutsPerTask)
      }
    }
    var layout = ReportLayout(groupField: "difficulty", groups: groups)
    layout.settings = ["seed"]
    layout.values = ["reward"]
    layout.sections = [("rewards", "reward component"), ("metrics", "metric")]
    layout.totals = [("tokens", "metrics", "total_tokens_metric")]
    return layout
  }
}

/// Why nothing can be simulated.
package struct SimulatorSpecificationError: Error, Equatable, CustomStringConvertible {
  /// One sentence that names the value, and the valid ones.
  package let description: String

  init(_ description: String) {
    self.description = description
  }
}
