import Foundation
import Rollouts
import Testing

/// `MUSTER_SEED=N` runs one world and prints the digest of its events; `MUSTER_SEEDS=N` runs so many.
private let seeds: [UInt64] = {
  let environment = ProcessInfo.processInfo.environment
  if let seed = environment["MUSTER_SEED"].flatMap(UInt64.init) { return [seed] }
  let count = environment["MUSTER_SEEDS"].flatMap(UInt64.init) ?? 200
  return Array(0..<count)
}()

@Suite struct WorkSimulationTests {
  @Test(arguments: seeds)
  func `whatever befalls a cluster, each item is on disk once the work is complete`(seed: UInt64) {
    let (cluster, outcome) = Self.run(seed)
    let command = "MUSTER_SEED=\(seed) swift test --filter WorkSimulationTests"
    #expect(outcome.ending == .finished, "reproduce: \(command)")
    #expect(outcome.escapeCount == 0, "reproduce: \(command)")
    #expect(cluster.violations == [], "reproduce: \(command)")
    #expect(Self.faults(of: cluster) == [], "reproduce: \(command)")
    if seeds.count == 1 {
      print("seed \(seed): \(outcome), digest \(String(cluster.digest, radix: 16))")
    }
  }

  @Test(arguments: [1, 2, 3, 5, 8, 13, 21, 34] as [UInt64])
  func `a seed gives the same events each time`(seed: UInt64) {
    #expect(Self.run(seed).cluster.digest == Self.run(seed).cluster.digest)
  }

  private static func run(_ seed: UInt64) -> (cluster: SimCluster, outcome: SimWorld.Outcome) {
    let cluster = SimCluster(seed: seed)
    let outcome = cluster.world.run { await cluster.run() }
    return (cluster, outcome)
  }

  /// What is wrong with what the coordinators left on disk, and with how long they took.
  private static func faults(of cluster: SimCluster) -> [String] {
    var faults: [String] = []
    let script = cluster.script
    var recorded = OrdinalRangeSet()
    for batch in cluster.stores.flatMap(\.synced) {
      recorded.insert(batch.items)
      if batch.items.flatMap({ SimRunner.line(of: $0) }) != batch.lines {
        faults.append("other records than those of \(batch.items)")
      }
    }
    let missing = recorded.gaps(in: 0..<script.itemCount)
    if !missing.isEmpty { faults.append("not on disk: \(missing)") }
    if cluster.finishedAt == nil { faults.append("not complete after \(script.finishBound)") }
    return faults
  }
}
