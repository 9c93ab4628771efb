import KVCacheSimulator
import Manifest
import Rollouts
import Terminal

/// All episodes of one `muster simulate`, written as they end: memory does not grow with them.
struct SimulateOutput {
  /// Lines are written in pieces of about this size, in bytes.
  private static let chunkSize = 1 << 18

  private let plan: (taskCount: UInt64, rolloutsPerTask: UInt64)
  private var worker: SimulatorWorker

  init(_ settings: WorkSettings) {
    self.plan = (UInt64(settings.exampleCount), UInt64(settings.rolloutsPerExample))
    self.worker = SimulatorWorker(settings.simulator)
  }

  /// Of all episodes, in order.
  private var keys: some Sequence<ItemKey> {
    let rollouts = self.plan.rolloutsPerTask
    return (0..<self.plan.taskCount * rollouts).lazy.map {
      ItemKey(ordinal: $0, rolloutsPerTask: rollouts)
    }
  }

  /// - Parameter append: The lines of one episode.
  mutating func write(_ append: (inout SimulatorWorker, ItemKey, inout [UInt8]) -> Void) {
    var lines: [UInt8] = []
    lines.reserveCapacity(Self.chunkSize + 1 << 16)
    for key in self.keys {
      append(&self.worker, key, &lines)
      guard lines.count >= Self.chunkSize else { continue }
      StandardStreams.data(lines)
      lines.removeAll(keepingCapacity: true)
    }
    StandardStreams.data(lines)
  }

  /// Means by difficulty, one line each, and over all.
  mutating func table() -> String {
    var rows = DifficultyTier.allCases.map { Means(name: $0.rawValue) } + [Means(name: "all")]
    for key in self.keys {
      self.worker.run(key)
      let name = self.worker.episode.tier.rawValue
      for index in rows.indices where [name, "all"].contains(rows[index].name) {
        rows[index].add(self.worker.episode)
      }
    }
    let filled = rows.filter { $0.episodeCount > 0 }
    // Blanks in front: columns as wide as their numbers as a rule are.
    var table = Table([
      .init("difficulty"), .init("episodes", .right), .init(" reward", .right),
      .init("failures", .right), .init(" tokens", .right), .init("pressure", .right),
    ])
    for row in filled.prefix(filled.count == 2 ? 1 : filled.count) { table.append(row.cells) }
    return table.rendered()
  }

  /// Over the episodes of one difficulty.
  private struct Means {
    let name: String
    private(set) var episodeCount = 0
    private var reward = 0.0
    private var failures = 0
    private var tokens = 0
    private var pressureSteps = 0

    init(name: String) { self.name = name }

    mutating func add(_ episode: borrowing KVCacheSimulator) {
      self.episodeCount += 1
      self.reward += Reward(episode).total
      self.failures += episode.tally.failures
      self.tokens += episode.tally.tokens
      self.pressureSteps += episode.tally.pressureSteps
    }

    var cells: [String] {
      let count = Double(max(1, self.episodeCount))
      return [
        self.name, "\(self.episodeCount)", ReportTable.decimal(self.reward / count, digits: 3),
        ReportTable.decimal(Double(self.failures) / count, digits: 2),
        ReportTable.decimal(Double(self.tokens) / count, digits: 1),
        ReportTable.decimal(Double(self.pressureSteps) / count, digits: 2),
      ]
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
        self.worker.run(ItemKey(taskIndex: count, rolloutIndex: 0))
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
