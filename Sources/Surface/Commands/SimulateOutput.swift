import KVCacheSimulator
import Manifest

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
    var rows = DifficultyTier.allCases.map { SimulateMeans(name: "\($0.name)") }
    var whole = SimulateMeans(name: "all")
    for task in 0..<self.scenarioCount {
      for rollout in 0..<self.rolloutCount {
        self.worker.run(taskIndex: task, rolloutIndex: rollout)
        rows[Int(self.worker.episode.tier.rawValue)].add(self.worker.episode)
        whole.add(self.worker.episode)
      }
    }
    let filled = rows.filter { $0.episodeCount > 0 }
    let lines = filled.count > 1 ? filled + [whole] : filled
    return SimulateMeans.header + lines.map(\.line).joined()
  }
}
