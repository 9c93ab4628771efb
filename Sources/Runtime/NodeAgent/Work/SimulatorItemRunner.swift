import KVCacheSimulator
package import Rollouts

/// Runs episodes of the KV-cache simulator.
package struct SimulatorItemRunner<C: Clock>: ItemRunner where C.Duration == Duration {
  static var kind: String { SimulatorSpecification.kind }

  private let clock: C
  private var worker: SimulatorWorker

  /// - Throws: `SimulatorSpecificationError`.
  package init(_ specification: [UInt8], clock: C) throws {
    self.clock = clock
    self.worker = SimulatorWorker(try SimulatorSpecification(canonicalJSON: specification))
  }

  package var concurrencyMax: Int { 1 }

  package mutating func appendRecord(of key: ItemKey, to lines: inout [UInt8]) async throws {
    let cost = self.worker.specification.episodeCost
    if cost > .zero {
      try await self.clock.sleep(until: self.clock.now.advanced(by: cost), tolerance: nil)
    }
    self.worker.appendRecord(
      taskIndex: key.taskIndex, rolloutIndex: key.rolloutIndex, to: &lines)
  }
}
