import KVCacheSimulator

/// Measures how fast episodes run in this process, without records: for `scripts/bench/simulator`.
enum SimulateBench {
  /// Episodes between two looks at the clock.
  private static let batchCount: UInt64 = 1000

  /// - Returns: One line: episodes and steps a second, and a sum over the results, so that no
  ///   episode can be optimised away.
  static func run(_ simulator: SimulatorSpecification, for duration: Duration) -> String {
    var worker = SimulatorWorker(simulator)
    var checksum = 0
    var count: UInt64 = 0
    let clock = ContinuousClock()
    let start = clock.now
    var elapsed = Duration.zero
    while elapsed < duration {
      for _ in 0..<Self.batchCount {
        worker.run(taskIndex: count, rolloutIndex: 0)
        checksum &+= worker.episode.tally.tokens &+ worker.episode.memoryInUse
        count += 1
      }
      elapsed = clock.now - start
    }
    let rate = Int(Double(count) / (elapsed / .seconds(1)))
    return "episodes/s \(rate) steps/s \(rate * KVCacheSimulator.stepCount)"
      + " episodes \(count) checksum \(checksum)\n"
  }
}
