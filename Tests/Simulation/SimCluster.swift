@testable import Coordinator
import Fleet
import OperatingSystem
import RecordFiles
import Rollouts
import Synchronization

/// The coordinator and its nodes in one simulated world: the types that `muster` links, over simulated
/// links and disks. Checkers are always on.
final class SimCluster: WorkConnector, LeaseLog, Sendable {
  private struct State {
    var violations: [String] = []
    var digest = FNV1a()
    var eventCount = 0
    var kill: AsyncStream<Void>.Continuation?
    var links: [SimLink] = []
    var isComplete = false
    var finishedAt: Duration?
    /// How often each item was tried, by whichever node.
    var tries: [UInt64: Int] = [:]
    /// The items that each node tried.
    var triedBy: [String: OrdinalRangeSet] = [:]
    /// The items that each node was given.
    var givenTo: [String: OrdinalRangeSet] = [:]
    var cutCount = 0
    var coordinatorNumber: UInt64 = 0
    /// What coordinators noted of their leases.
    var noted: [(node: String, lease: Lease)] = []
    /// Ids of those of which that was lost with a coordinator's machine.
    var forgotten: Set<UInt64> = []
    /// Under which lease, and in which life of a node, each item was ordered: a cause to do it.
    var causes: [UInt64: Set<Cause>] = [:]
  }

  private struct Cause: Hashable {
    var leaseID: UInt64
    var node: String
    var life: Int
  }

  let world: SimWorld
  let script: SimScript
  let nodes: [SimNode]
  let stores: [SimDisk]
  private let state = Mutex(State())

  /// - Parameter script: `nil`: that of the seed.
  init(seed: UInt64, script: SimScript? = nil) {
    let world = SimWorld(seed: seed)
    let script = script ?? SimScript(seed: seed)
    self.world = world
    self.script = script
    self.nodes = script.itemCosts.indices.map { index in
      SimNode("n\(index)", script, index, in: world)
    }
    self.stores = script.itemCosts.indices.map { SimDisk("records of n\($0)", in: world) }
  }

  var violations: [String] { self.state.withLock { $0.violations } }
  var digest: UInt64 { self.state.withLock { $0.digest.value } }
  var finishedAt: Duration? { self.state.withLock { $0.finishedAt } }

  /// An item is tried; what comes of it.
  ///
  /// - Throws: `ItemFailure` for items that fail always, or still.
  func tried(_ ordinal: UInt64, by node: String) throws {
    let count = self.state.withLock { state in
      state.triedBy[node, default: []].insert(ordinal..<ordinal + 1)
      state.tries[ordinal, default: 0] += 1
      return state.tries[ordinal, default: 0]
    }
    if self.script.poison.contains(ordinal) { throw ItemFailure("crash", "poison \(ordinal)") }
    if count <= self.script.flaky[ordinal] ?? 0 { throw ItemFailure("timeout", "try \(count)") }
  }

  /// What the coordinator says to a node.
  func ordered(_ order: LeaseOrder, to node: SimNode) {
    self.state.withLock { state in
      switch order {
      case .lease(let lease):
        state.givenTo[node.name, default: []].insert(lease.items)
        let cause = Cause(leaseID: lease.id, node: node.name, life: node.life)
        for ordinal in lease.items.ordinals { state.causes[ordinal, default: []].insert(cause) }
      case .cut: state.cutCount += 1
      case .setup, .acknowledgement: break
      }
    }
  }

  /// Whether the present coordinator gave this lease to the node, and nobody ever gave it these items.
  func isForeign(_ items: OrdinalRangeSet, leaseID: UInt64, to node: String) -> Bool {
    self.state.withLock { state in
      leaseID >> 32 == state.coordinatorNumber
        && items.intersection(state.givenTo[node] ?? []).isEmpty
    }
  }

  var cutCount: Int { self.state.withLock { $0.cutCount } }

  /// Items that were done more often than there was a cause to do them.
  var needless: [UInt64] {
    self.state.withLock { state in
      state.tries.filter { $0.value > state.causes[$0.key]?.count ?? 0 }.keys.sorted()
    }
  }

  /// How often an item was leased; a lease that is repeated to a node that lives on is the same.
  func leaseCount(of ordinal: UInt64) -> Int {
    self.state.withLock { $0.causes[ordinal]?.count ?? 0 }
  }

  func items(triedBy node: String) -> OrdinalRangeSet {
    self.state.withLock { $0.triedBy[node] ?? [] }
  }

  func tryCount(of ordinal: UInt64) -> Int { self.state.withLock { $0.tries[ordinal] ?? 0 } }

  /// Joins an event to the digest (FNV-1a).
  func note(_ event: String) {
    let now = self.world.now
    self.state.withLock { state in
      state.eventCount += 1
      state.digest.join("\(now) \(event)".utf8)
    }
  }

  func violate(_ text: String) {
    self.state.withLock { $0.violations.append("\(self.world.now): \(text)") }
  }

  func append(_ lease: Lease, to node: String) async throws(SystemFault) {
    self.state.withLock { $0.noted.append((node, lease)) }
  }

  // MARK: Links

  func withLink(to node: NodeName, _ body: @escaping @Sendable (SimLink) async throws -> Void)
    async throws
  {
    let pause = self.world.draw { Int.random(in: 1...400, using: &$0) }
    try await self.world.sleep(until: self.world.now + .milliseconds(pause))
    guard let target = self.nodes.first(where: { $0.name == node.rawValue }) else {
      throw SimLinkLost()
    }
    let link = SimLink(to: target, in: self, delayMax: self.script.delayMax)
    try target.accept(link)
    self.note("link \(target.name)")
    self.state.withLock { $0.links.append(link) }
    defer { link.orders.close() }
    try await body(link)
  }

  /// Nothing acknowledged may be only in memory.
  func checkAcknowledged(_ batches: [RecordBatch], of node: SimNode) {
    var synced = WorkHistory()
    for store in self.stores { synced.add(store.history) }
    // But for failures of leases that earlier coordinators gave, and for what comes of leases of which
    // nothing is known any more: they count as nothing.
    let (number, forgotten) = self.state.withLock { ($0.coordinatorNumber, $0.forgotten) }
    for batch in batches
    where
      (batch.kind == .result && !forgotten.contains(batch.leaseID)
      || batch.leaseID >> 32 == number)
      && !synced.new(in: batch.header).isEmpty
    {
      self.violate("batch \(batch.sequence) of \(node.name) acknowledged before it was on disk")
    }
  }

  // MARK: Life

  /// Runs the work to its end, with all that befalls it.
  func run() async {
    await withTaskGroup(of: Void.self) { group in
      for node in self.nodes { group.addTask { await node.live(in: self) } }
      group.addTask { await self.befall() }
      // Whichever is first: the work's end, or the time by which it must have ended.
      await withTaskGroup(of: Void.self) { race in
        race.addTask { await self.coordinate() }
        race.addTask { try? await self.world.sleep(until: self.script.finishBound) }
        await race.next()
        race.cancelAll()
      }
      group.cancelAll()
      await group.waitForAll()
    }
  }

  private func befall() async {
    for (at, fault) in self.script.faults {
      guard (try? await self.world.sleep(until: at)) != nil else { return }
      self.note("fault \(fault)")
      switch fault {
      case .crash(let node, let isForGood): self.nodes[node].crash(forGood: isForGood)
      case .cut(let node): self.nodes[node].setReachable(false)
      case .heal(let node): self.nodes[node].setReachable(true)
      case .spoolFull(let node, let isFull): self.nodes[node].disk.setFull(isFull)
      case .spoolDamaged(let node): self.nodes[node].disk.damage()
      case .storeFull(let node, let isFull): self.stores[node].setFull(isFull)
      case .killCoordinator: self.killCoordinator()
      }
    }
  }

  private func killCoordinator() {
    for store in self.stores { store.crash() }
    let lostCount = self.world.draw { Int.random(in: 0...3, using: &$0) }
    let (links, kill) = self.state.withLock { state in
      defer { state.links.removeAll() }
      let lost = state.noted.suffix(lostCount)
      state.forgotten.formUnion(lost.map(\.lease.id))
      state.noted.removeLast(lost.count)
      return (state.links, state.kill)
    }
    for link in links { link.sever() }
    kill?.finish()
  }

  /// Coordinators, one after the other, until one says that the work is complete.
  private func coordinate() async {
    for number in 1...1000 {
      let result = await self.coordinateOnce(UInt64(number))
      self.note("coordinator \(number) ended: \(String(describing: result?.ending))")
      if let result, result.ending == .complete {
        let missing = OrdinalRangeSet(result.missing)
        if Array(missing.ordinals) != self.script.poison {
          self.violate("complete, but \(missing.ranges) are missing")
        }
        self.state.withLock { $0.finishedAt = self.world.now }
        return
      }
      if Task.isCancelled { return }
      let pause = self.world.draw { Int.random(in: 100...3000, using: &$0) }
      try? await self.world.sleep(until: self.world.now + .milliseconds(pause))
    }
  }

  /// - Returns: `nil` when it was killed.
  private func coordinateOnce(_ number: UInt64) async -> DispatchResult? {
    let (kills, kill) = AsyncStream<Void>.makeStream()
    self.state.withLock { state in
      state.kill = kill
      state.coordinatorNumber = number
    }
    let noted = self.state.withLock { $0.noted }
    let nodes = self.nodes.indices.map { index in
      var leased = LeasedItems()
      for (node, lease) in noted where node == self.nodes[index].name { leased.add(lease) }
      return WorkNode(
        name: NodeName(self.nodes[index].name), log: self.stores[index].open(),
        history: self.stores[index].history, leased: leased)
    }
    let dispatcher = WorkDispatcher(
      plan: self.script.plan, leaseIDFirst: number << 32, nodes: nodes,
      leases: self, clock: SimClock(world: self.world), connector: self, progress: { _ in })
    return await withTaskGroup(of: DispatchResult?.self) { group in
      group.addTask { await dispatcher.run() }
      group.addTask {
        for await _ in kills {}
        return nil
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      return first
    }
  }
}
