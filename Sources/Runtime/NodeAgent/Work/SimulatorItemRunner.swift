import KVCacheSimulator
package import Rollouts

/// Runs episodes of the KV-cache simulator.
package struct SimulatorItemRunner<C: Clock>: ItemRunner where C.Duration == Duration {
  private let clock: C
  private let episodeCost: Duration
  private let rolloutsPerExample: UInt64
  private var worker: SimulatorWorker

  /// - Throws: `SimulatorJobError` for a value that is not valid.
  package init(_ setup: LeaseSetup, clock: C) throws {
    let job = try SimulatorJob(
      policy: setup.policy, seed: setup.seed, difficulty: setup.difficulty,
      rolloutsPerExample: Int(setup.rolloutsPerExample),
      maxActionsPerStep: Int(setup.maxActionsPerStep))
    self.clock = clock
    self.episodeCost = setup.episodeCost
    self.rolloutsPerExample = UInt64(setup.rolloutsPerExample)
    self.worker = SimulatorWorker(job)
  }

  package mutating func appendRecord(ordinal: UInt64, to lines: inout [UInt8]) async throws {
    if self.episodeCost > .zero {
      try await self.clock.sleep(
        until: self.clock.now.advanced(by: self.episodeCost), tolerance: nil)
    }
    let (task, rollout) = ordinal.quotientAndRemainder(dividingBy: self.rolloutsPerExample)
    self.worker.appendRecord(taskIndex: task, rolloutIndex: rollout, to: &lines)
  }
}
