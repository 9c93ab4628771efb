import NodeAgent
import Rollouts
import Synchronization

/// A node of the simulated cluster: its disk, and the real worker, which ends and starts again.
final class SimNode: Sendable {
  private struct State {
    var isUp = false
    var isReachable = true
    var isLost = false
    /// Rises with each crash.
    var life = 0
    var damageLeft = 2
    var links: [SimLink] = []
    var arrivals: AsyncStream<SimLink>.Continuation?
    var end: AsyncStream<Void>.Continuation?
  }

  let name: String
  let disk: SimDisk
  let script: SimScript
  /// What kind of a liar it is, if it is one.
  let lie: SimScript.Lie?
  let spool: SpoolSettings
  private let itemCost: Duration
  private let world: SimWorld
  private let state = Mutex(State())

  init(_ name: String, _ script: SimScript, _ index: Int, in world: SimWorld) {
    self.name = name
    self.script = script
    self.itemCost = script.itemCosts[index]
    self.lie = script.liar == index ? script.lie : nil
    self.world = world
    self.disk = SimDisk("spool of \(name)", in: world)
    self.spool = script.spool
  }

  var isLost: Bool { self.state.withLock { $0.isLost } }
  var life: Int { self.state.withLock { $0.life } }

  /// Damage is rare: a node whose batches are always damaged is rightly cut off.
  func takeDamage() -> Bool {
    self.state.withLock { state in
      if state.damageLeft == 0 { return false }
      state.damageLeft -= 1
      return true
    }
  }

  // MARK: Faults

  func setReachable(_ isReachable: Bool) {
    let links = self.state.withLock { state in
      state.isReachable = isReachable
      defer { if !isReachable { state.links.removeAll() } }
      return isReachable ? [] : state.links
    }
    for link in links { link.sever() }
  }

  /// Power off. What was not synced is gone.
  func crash(forGood isLost: Bool) {
    let (links, end) = self.state.withLock { state in
      defer { state.links.removeAll() }
      state.isUp = false
      state.life += 1
      state.isLost = isLost || state.isLost
      return (state.links, state.end)
    }
    self.disk.crash()
    for link in links { link.sever() }
    end?.finish()
  }

  // MARK: Life

  func accept(_ link: SimLink) throws {
    try self.state.withLock { state in
      guard state.isUp, state.isReachable else { throw SimLinkLost() }
      state.links.append(link)
      state.arrivals?.yield(link)
    }
  }

  /// Runs, is restarted after a crash, and returns when it is lost or cancelled.
  func live(in cluster: SimCluster) async {
    while !Task.isCancelled, !self.isLost {
      await self.liveOnce(in: cluster)
      let pause = self.world.draw { Int.random(in: 200...8000, using: &$0) }
      try? await self.world.sleep(until: self.world.now + .milliseconds(pause))
    }
  }

  private func liveOnce(in cluster: SimCluster) async {
    let (arrivals, arrival) = AsyncStream<SimLink>.makeStream()
    let (ends, end) = AsyncStream<Void>.makeStream()
    self.state.withLock { state in
      state.isUp = true
      state.arrivals = arrival
      state.end = end
    }
    let runner = SimRunner(cluster: cluster, node: self.name, cost: self.itemCost)
    let worker = LeaseWorker(
      settings: self.spool, clock: SimClock(world: self.world), store: SimStore(disk: self.disk)
    ) { _ in runner }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await worker.run() }
      group.addTask {
        await withDiscardingTaskGroup { streams in
          for await link in arrivals {
            streams.addTask {
              try? await worker.serve(link.orders) { try link.report($0) }
              link.uplink.close()
            }
          }
        }
      }
      group.addTask { for await _ in ends {} }
      await group.next()
      group.cancelAll()
    }
    self.state.withLock { $0.isUp = false }
  }
}

/// Items that take their time and write a line that says which they are, or fail.
struct SimRunner: ItemRunner {
  let cluster: SimCluster
  let node: String
  let cost: Duration

  var concurrencyMax: Int { self.cluster.script.concurrency }

  mutating func appendRecord(of key: ItemKey, to lines: inout [UInt8]) async throws {
    let ordinal = key.taskIndex
    let cost = self.cost * self.cluster.script.length(of: ordinal) / 4
    let world = self.cluster.world
    if cost > .zero { try await world.sleep(until: world.now + cost) }
    try self.cluster.tried(ordinal, by: self.node)
    lines += Self.line(of: ordinal)
  }

  static func line(of ordinal: UInt64) -> [UInt8] {
    Array(
      #"{"task_index":\#(ordinal),"rollout_index":0,"value":\#(ordinal &* 2_654_435_761)}"#.utf8)
      + [0x0A]
  }
}
