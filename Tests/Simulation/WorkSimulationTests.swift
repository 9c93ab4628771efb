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

  @Test(.enabled(if: seeds.count >= 200))
  func `some worlds have many items under way, some items fail, and batches come with gaps`() {
    let scripts = seeds.map { SimScript(seed: $0) }
    #expect(scripts.count { $0.concurrency == 64 && $0.hasLengths } >= 20)
    #expect(scripts.count { !$0.poison.isEmpty } >= 20)
    #expect(scripts.count { !$0.flaky.isEmpty } >= 40)
    #expect(scripts.count { $0.liar != nil && $0.lie == .items } >= 5)
    // Where nobody is lost and nothing is cut, three tries are three tries.
    let calm = seeds.filter { seed in
      let script = SimScript(seed: seed)
      return script.faults.isEmpty && !script.poison.isEmpty && Self.run(seed).cluster.cutCount == 0
    }
    #expect(calm.count >= 1)
    let gaps = seeds.prefix(20).count { seed in
      Self.run(seed).cluster.stores.contains { $0.synced.contains { $0.items.ranges.count > 1 } }
    }
    #expect(gaps >= 3)
  }

  /// Without faults nothing costs anything: each item is leased, done and stored once.
  @Test(.enabled(if: seeds.count >= 200))
  func `where nothing befalls a cluster, nothing is done, tried or stored twice`() {
    var calmCount = 0
    for seed in seeds {
      var script = SimScript(seed: seed)
      guard script.faults.isEmpty, script.liar == nil else { continue }
      (script.poison, script.flaky, script.damagePermille) = ([], [:], 0)
      let cluster = SimCluster(seed: seed, script: script)
      #expect(cluster.world.run { await cluster.run() }.ending == .finished)
      // What is cut off another's lease is leased again, as a second try.
      guard cluster.cutCount == 0 else { continue }
      calmCount += 1
      #expect((0..<script.itemCount).allSatisfy { cluster.tryCount(of: $0) == 1 }, "seed \(seed)")
      #expect((0..<script.itemCount).allSatisfy { cluster.leaseCount(of: $0) == 1 })
      let stored = cluster.stores.flatMap(\.synced)
      #expect(stored.allSatisfy { $0.attempt == 1 }, "seed \(seed)")
      #expect(stored.reduce(0) { $0 + $1.items.count } == script.itemCount, "seed \(seed)")
    }
    #expect(calmCount >= 3)
  }

  /// Shorter than the time of a lease: what a node has it goes on with. One item at a time: of many under
  /// way the coordinator would learn late, and give others what it takes for waiting.
  @Test(arguments: 0..<10 as Range<UInt64>)
  func `a link that breaks again and again costs nothing`(seed: UInt64) {
    var script = SimScript(seed: seed)
    script.faults = []
    for number in 0..<100 {
      let start = Duration.milliseconds(900 * number + 200)
      for node in script.itemCosts.indices { script.faults.append((start, .cut(node: node))) }
      let end = start + .milliseconds(5)
      for node in script.itemCosts.indices { script.faults.append((end, .heal(node: node))) }
    }
    script.itemCosts = script.itemCosts.map { _ in .milliseconds(200) }
    (script.itemCount, script.liar, script.poison, script.flaky) = (150, nil, [], [:])
    script.concurrency = 1
    (script.delayMax, script.damagePermille, script.spool) = (.milliseconds(5), 0, SpoolSettings())
    let cluster = SimCluster(seed: seed, script: script)
    #expect(cluster.world.run { await cluster.run() }.ending == .finished)
    #expect(cluster.violations == [] && Self.faults(of: cluster) == [])
    let count = (0..<script.itemCount).reduce(0) { $0 + cluster.tryCount(of: $1) }
    #expect(count <= Int(script.itemCount) + 2 * cluster.cutCount, "\(count) tries")
    let stored = cluster.stores.flatMap(\.synced).reduce(0) { $0 + $1.items.count }
    #expect(stored <= script.itemCount + 2 * UInt64(cluster.cutCount))
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
    let (counts, outputs) = Self.merge(cluster.stores.flatMap(\.synced), script.plan)
    let done = (0..<script.itemCount).filter { !script.poison.contains($0) }
    if outputs[.records, default: []] != done.flatMap({ SimRunner.line(of: $0) }) {
      faults.append("the merged records are not those of the items")
    }
    if let bytes = outputs[.conflicts] {
      faults.append("conflicts: \(String(decoding: bytes.prefix(200), as: UTF8.self))")
    }
    faults += Self.faults(of: outputs[.missing] ?? [], in: cluster)
    if counts.merged != UInt64(done.count) || counts.rejected > 0 { faults.append("\(counts)") }
    if !cluster.needless.isEmpty { faults.append("done without cause: \(cluster.needless)") }
    for (node, store) in zip(cluster.nodes, cluster.stores) {
      let headers = store.synced.map(\.header)
      if headers.indices.contains(where: { headers[..<$0].contains(headers[$0]) }) {
        faults.append("a batch of \(node.name) is stored twice")
      }
      let tried = cluster.items(triedBy: node.name)
      if !store.synced.allSatisfy({ tried.contains($0.items) }) {
        faults.append("records of \(node.name) are of items that it never did")
      }
      // Beyond the limit goes what is in work when it is reached: a slice, of 5 ms or one item (64
      // where those before took no time), or as many items as are under way at once, and the open
      // batches, each perhaps one record too large.
      let slack =
        ((script.hasLengths ? 64 : 6) + 2 * script.concurrency)
        * SimRunner.line(of: script.itemCount).count
        + node.spool.batchSize
      let use = node.disk.use
      if use.neededSizeMax > node.spool.sizeMax + slack
        || use.sizeMax > 2 * node.spool.sizeMax + node.spool.pendingSizeMax + slack
      {
        faults.append("the spool of \(node.name) is too large: \(use)")
      }
    }
    return faults
  }

  /// Items that cannot be done are listed with their own last reason, after three tries and not many
  /// more: a try may be under way still on a node that was taken for lost, or whose lease was cut, and
  /// that of a liar is not known of.
  private static func faults(of missing: [UInt8], in cluster: SimCluster) -> [String] {
    let script = cluster.script
    var faults: [String] = []
    let lines = String(decoding: missing, as: UTF8.self).split(separator: "\n")
    if lines.count != script.poison.count { faults.append("\(lines.count) are missing") }
    for (ordinal, line) in zip(script.poison, lines) {
      let error = #""error":{"class":"crash","message":"poison \#(ordinal)"}}"#
      if !line.hasPrefix(#"{"task_index":\#(ordinal),"rollout_index":0,"reason":"error","#)
        || !line.hasSuffix(error)
      {
        faults.append("missing: \(line)")
      }
      let count = cluster.tryCount(of: ordinal)
      let unknownCount = script.faults.count + cluster.cutCount + (script.liar == nil ? 0 : 1)
      if count < 3 || count > 3 + unknownCount {
        faults.append("item \(ordinal) was tried \(count) times")
      }
    }
    return faults
  }

  /// What `muster` makes of these batches, by the merge that it uses.
  private static func merge(
    _ batches: [RecordBatch], _ plan: WorkPlan
  ) -> (counts: MergeSummary, outputs: [MergeOutput: [UInt8]]) {
    var outputs: [MergeOutput: [UInt8]] = [:]
    var merge = Merge(plan: plan, batches: batches.map(\.header))
    merge.run(
      load: { batches[$0].lines },
      write: { (output: MergeOutput, bytes: [UInt8]) in outputs[output, default: []] += bytes })
    return (merge.summary, outputs)
  }
}
