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

  /// Without it the worlds might all pass because none of them comes so far. Of the first 200 worlds
  /// 48 compact a spool and 13 fill one.
  @Test(.enabled(if: seeds.count >= 200))
  func `some worlds fill a spool to its limit, and some compact one`() {
    var reached = (full: 0, compacted: 0)
    for seed in seeds where SimScript(seed: seed).spool != SpoolSettings() {
      let uses = Self.run(seed).cluster.nodes.map { ($0.disk.use, $0.spool) }
      if uses.contains(where: { $0.neededSizeMax >= $1.sizeMax }) { reached.full += 1 }
      if uses.contains(where: { use, _ in use.dropCount > 0 }) { reached.compacted += 1 }
    }
    #expect(reached.full >= 1, "no spool was full")
    #expect(reached.compacted >= 1, "no spool was compacted")
  }

  private static func run(_ seed: UInt64) -> (cluster: SimCluster, outcome: SimWorld.Outcome) {
    let cluster = SimCluster(seed: seed)
    let outcome = cluster.world.run { await cluster.run() }
    return (cluster, outcome)
  }

  /// What is wrong with what the coordinators and nodes left on disk, and with how long they took.
  private static func faults(of cluster: SimCluster) -> [String] {
    var faults: [String] = []
    let script = cluster.script
    if cluster.finishedAt == nil { faults.append("not complete after \(script.finishBound)") }
    let (counts, outputs) = Self.merge(cluster.stores.flatMap(\.synced), script.itemCount)
    let expected = (0..<script.itemCount).flatMap { SimRunner.line(of: $0) }
    if outputs[.records] != expected {
      faults.append("the merged records are not those of the items")
    }
    for output in [MergeOutput.missing, .conflicts] {
      guard let bytes = outputs[output] else { continue }
      faults.append("\(output): \(String(decoding: bytes.prefix(200), as: UTF8.self))")
    }
    if counts.merged != script.itemCount || counts.rejected > 0 { faults.append("\(counts)") }
    for node in cluster.nodes {
      // Beyond the limit goes what is in work when it is reached: a slice, of 5 ms or one item, and
      // the open batch, which may be one record too large.
      let slack = 6 * SimRunner.line(of: script.itemCount).count + node.spool.batchSize
      let use = node.disk.use
      if use.neededSizeMax > node.spool.sizeMax + slack
        || use.sizeMax > 2 * node.spool.sizeMax + node.spool.pendingSizeMax + slack
      {
        faults.append("the spool of \(node.name) is too large: \(use)")
      }
    }
    return faults
  }

  /// What `muster` makes of these batches, by the merge that it uses.
  private static func merge(
    _ batches: [RecordBatch], _ itemCount: UInt64
  ) -> (counts: MergeCounts, outputs: [MergeOutput: [UInt8]]) {
    var outputs: [MergeOutput: [UInt8]] = [:]
    guard
      let plan = try? WorkPlan(policy: "none", difficulty: "none", seed: 0, taskCount: itemCount)
    else { return (MergeCounts(), outputs) }
    var merge = Merge(
      plan: plan, batches: batches.map { MergeBatch(attempt: $0.attempt, items: $0.items) })
    merge.run(
      load: { batches[$0].lines },
      write: { (output: MergeOutput, bytes: [UInt8]) in outputs[output, default: []] += bytes })
    return (merge.counts, outputs)
  }
}
