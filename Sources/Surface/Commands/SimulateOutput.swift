import KVCacheSimulator
import Manifest
import Rollouts

/// All episodes of one `muster simulate`, written as they end: memory does not grow with them.
struct SimulateOutput {
  /// Lines are written in pieces of about this size, in bytes.
  private static let chunkSize = 1 << 18

  private let scenarioCount: UInt64
  private let rolloutCount: UInt64
  private var worker: SimulatorWorker

  init(_ settings: WorkSettings) {
    self.scenarioCount = UInt64(settings.exampleCount)
    self.rolloutCount = UInt64(settings.rolloutsPerExample)
    self.worker = SimulatorWorker(settings.simulator)
  }

  mutating func writeRecords() {
    self.write { $0.appendRecord(taskIndex: $1, rolloutIndex: $2, to: &$3) }
  }

  mutating func writeTrace() {
    self.write { $0.appendTrace(taskIndex: $1, rolloutIndex: $2, to: &$3) }
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
    var rows = DifficultyTier.allCases.map { Means(name: $0.rawValue) }
    var whole = Means(name: "all")
    for task in 0..<self.scenarioCount {
      for rollout in 0..<self.rolloutCount {
        self.worker.run(taskIndex: task, rolloutIndex: rollout)
        let name = self.worker.episode.tier.rawValue
        for index in rows.indices where rows[index].name == name {
          rows[index].add(self.worker.episode)
        }
        whole.add(self.worker.episode)
      }
    }
    let filled = rows.filter { $0.episodeCount > 0 }
    let lines = filled.count > 1 ? filled + [whole] : filled
    return Means.header + lines.map(\.line).joined()
  }

  /// Over the episodes of one difficulty.
  private struct Means {
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
        + Self.right(ReportTable.decimal(self.reward / count, digits: 3), 9)
        + Self.right(ReportTable.decimal(Double(self.failures) / count, digits: 2), 10)
        + Self.right(ReportTable.decimal(Double(self.tokens) / count, digits: 1), 9)
        + Self.right(ReportTable.decimal(Double(self.pressureSteps) / count, digits: 2), 10) + "\n"
    }

    private static func right(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
  }

  /// Between two looks at the clock.
  private static let benchCount: UInt64 = 1000

  /// Measures how fast episodes run in this process, without records: for `scripts/bench/simulator`.
  ///
  /// - Returns: One line: episodes and steps a second, and a sum over the results, so that no
  ///   episode can be optimised away.
  mutating func bench(for duration: Duration) -> String {
    var checksum = 0
    var count: UInt64 = 0
    let clock = ContinuousClock()
    let start = clock.now
    var elapsed = Duration.zero
    while elapsed < duration {
      for _ in 0..<Self.benchCount {
        self.worker.run(taskIndex: count, rolloutIndex: 0)
        checksum &+= self.worker.episode.tally.tokens &+ self.worker.episode.memoryInUse
        count += 1
      }
      elapsed = clock.now - start
    }
    let rate = Int(Double(count) / (elapsed / .seconds(1)))
    return "episodes/s \(rate) steps/s \(rate * KVCacheSimulator.stepCount)"
      + " episodes \(count) checksum \(checksum)\n"
  }
}
