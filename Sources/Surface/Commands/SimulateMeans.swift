import KVCacheSimulator

/// Means over the episodes of one difficulty.
struct SimulateMeans {
  static let header = "difficulty  episodes   reward  failures   tokens  pressure\n"

  let name: String
  private(set) var episodeCount = 0
  private var reward = 0.0
  private var failures = 0
  private var tokens = 0
  private var pressureSteps = 0

  init(name: String) {
    self.name = name
  }

  mutating func add(_ episode: borrowing KVCacheSimulator) {
    self.episodeCount += 1
    self.reward += Reward(episode).total
    self.failures += episode.tally.failures
    self.tokens += episode.tally.tokens
    self.pressureSteps += episode.tally.pressureSteps
  }

  var line: String {
    let count = Double(max(1, self.episodeCount))
    let name = self.name + String(repeating: " ", count: max(0, 10 - self.name.count))
    return name + Self.right("\(self.episodeCount)", 10)
      + Self.right(Self.fixed(self.reward / count, 3), 9)
      + Self.right(Self.fixed(Double(self.failures) / count, 2), 10)
      + Self.right(Self.fixed(Double(self.tokens) / count, 1), 9)
      + Self.right(Self.fixed(Double(self.pressureSteps) / count, 2), 10) + "\n"
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  /// With `decimals` places, rounded half away from zero.
  private static func fixed(_ value: Double, _ decimals: Int) -> String {
    let scale = (0..<decimals).reduce(1) { scale, _ in scale * 10 }
    let scaled = Int((value.magnitude * Double(scale)).rounded())
    let fraction = String(scaled % scale)
    let zeros = String(repeating: "0", count: decimals - fraction.count)
    return "\(value < 0 && scaled > 0 ? "-" : "")\(scaled / scale).\(zeros)\(fraction)"
  }
}
