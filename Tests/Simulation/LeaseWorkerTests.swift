import NodeAgent
import Rollouts
import Synchronization
import Testing

/// The worker alone, with orders that come at given times.
struct LeaseWorkerTests {
  /// What was tried, and what came of it.
  private final class Seen: Sendable {
    private let state = Mutex((tryCount: 0, batches: [BatchHeader]()))
    var tryCount: Int { self.state.withLock { $0.tryCount } }
    var batches: [String] {
      self.state.withLock { $0.batches.map { "\($0.leaseID) \($0.kind) \($0.items.span)" } }
    }

    func tried() { self.state.withLock { $0.tryCount += 1 } }

    func reported(_ report: LeaseReport) {
      guard case .batch(let batch) = report else { return }
      self.state.withLock { $0.batches.append(batch.header) }
    }
  }

  /// Every item takes 10 s, and the first one fails.
  private struct Runner: ItemRunner {
    let world: SimWorld
    let seen: Seen

    var concurrencyMax: Int { 1 }

    mutating func appendRecord(of key: ItemKey, to lines: inout [UInt8]) async throws {
      try await self.world.sleep(until: self.world.now + .seconds(10))
      self.seen.tried()
      if self.seen.tryCount == 1 { throw ItemFailure("timeout", "the first try") }
      lines += SimRunner.line(of: key.taskIndex)
    }
  }

  @Test func `an item that is leased again while it is in work has its own try if that one fails`()
  {
    let world = SimWorld(seed: 1)
    let seen = Seen()
    let worker = LeaseWorker(
      clock: SimClock(world: world), store: SimStore(disk: SimDisk("spool", in: world))
    ) { _ in Runner(world: world, seen: seen) }
    let (orders, order) = AsyncStream<LeaseOrder>.makeStream()
    let setup = LeaseSetup(workID: "w", kind: "k", specification: [], rolloutsPerTask: 1)
    order.yield(.setup(setup))
    order.yield(.lease(Lease(id: 1, items: [7..<8], attempt: 1)))
    // The coordinator took it back from a node that was not heard, and gave it to the same one.
    world.at(.seconds(5)) { order.yield(.lease(Lease(id: 2, items: [7..<8], attempt: 2))) }
    let outcome = world.run {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await worker.run() }
        group.addTask { try? await worker.serve(orders) { seen.reported($0) } }
        try? await world.sleep(until: .seconds(60))
        group.cancelAll()
      }
    }
    #expect(outcome.ending == .finished && outcome.escapeCount == 0)
    #expect(seen.batches == ["1 failure 7..<8", "2 result 7..<8"])
    #expect(seen.tryCount == 2)
  }
}
