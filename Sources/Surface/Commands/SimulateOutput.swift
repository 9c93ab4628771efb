import KVCacheSimulator

/// All episodes of one `muster simulate`, written as they end: memory does not grow with them.
struct Simulation {
  /// Lines are written in pieces of about this size, in bytes.
  private static let chunkSize = 1 << 18

  private let scenarioCount: UInt64
  private let rolloutCount: UInt64
  private var worker: SimulatorWorker

  init(_ job: SimulatorJob, scenarioCount: UInt64) {
    self.scenarioCount = scenarioCount
    self.rolloutCount = UInt64(job.rolloutsPerExample)
    self.worker = SimulatorWorker(job)
  }

  mutating func writeRecords() {
    self.write { worker, task, rollout, lines in
      worker.appendRecord(taskIndex: task, rolloutIndex: rollout, to: &lines)
    }
  }

  mutating func writeTrace() {
    self.write { worker, task, rollout, lines in
      worker.appendTrace(taskIndex: task, rolloutIndex: rollout, to: &lines)
    }
  }

  private mutating func write(
    _ append: (inout SimulatorWorker, UInt64, UInt64, inout [UInt8]) -> Void
  ) {
    var lines: [UInt8] = []
    lines.reserveCapacity(Self.chunkSize + 1 << 16)
    for task in 0..<self.scenarioCount {
      for rollout in 0..<self.rolloutCount {
        append(&self.worker, task, rollout, &lines)
        guard lines.count >= Self.chunkSize else { continue }
        StandardStreams.data(lines)
        lines.removeAll(keepingCapacity: true)
      }
    }
    StandardStreams.data(lines)
  }

  /// Means by difficulty, one line each, and over all.
  mutating func table() -> String {
    var rows = DifficultyTier.allCases.map { SimulationMeans(name: "\($0.name)") }
    var whole = SimulationMeans(name: "all")
    for task in 0..<self.scenarioCount {
      for rollout in 0..<self.rolloutCount {
        self.worker.run(taskIndex: task, rolloutIndex: rollout)
        rows[Int(self.worker.episode.tier.rawValue)].add(self.worker.episode)
        whole.add(self.worker.episode)
      }
    }
    let filled = rows.filter { $0.episodeCount > 0 }
    let lines = filled.count > 1 ? filled + [whole] : filled
    return SimulationMeans.header + lines.map(\.line).joined()
  }
}

/// Means over the episodes of one difficulty.
struct SimulationMeans {
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
