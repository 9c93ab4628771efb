import NodeAgent
import Rollouts
import Synchronization
import Testing

/// The worker alone, with orders that come at given times.
struct LeaseWorkerTests {
  /// What was tried, and what came of it.
  private final class Seen: Sendable {
    private let state = Mutex((tryCount: 0, faultCount: 0, batches: [BatchHeader]()))
    var faultCount: Int { self.state.withLock { $0.faultCount } }
    var items: OrdinalRangeSet {
      self.state.withLock { state in
        state.batches.reduce(into: OrdinalRangeSet()) { $0.insert($1.items) }
      }
    }
    var tryCount: Int { self.state.withLock { $0.tryCount } }
    var batches: [String] {
      self.state.withLock { $0.batches.map { "\($0.leaseID) \($0.kind) \($0.items.span)" } }
    }

    func tried() { self.state.withLock { $0.tryCount += 1 } }

    func reported(_ report: LeaseReport) {
      self.state.withLock { state in
        switch report {
        case .batch(let batch): state.batches.append(batch.header)
        case .fault: state.faultCount += 1
        case .progress: break
        }
      }
    }
  }

  /// Writes what the test says for an item, after 10 s.
  private struct Runner: ItemRunner {
    let world: SimWorld
    let seen: Seen
    let record: @Sendable (ItemKey) throws -> [UInt8]

    var concurrencyMax: Int { 1 }

    mutating func appendRecord(of key: ItemKey, to lines: inout [UInt8]) async throws {
      try await self.world.sleep(until: self.world.now + .seconds(10))
      self.seen.tried()
      lines += try self.record(key)
    }
  }

  /// A worker for so many seconds, with a lease of `items` and whatever else is ordered.
  private static func run(
    _ items: OrdinalRangeSet, on world: SimWorld = SimWorld(seed: 1), disk: SimDisk? = nil,
    seconds: Int = 60, later: (at: Duration, order: LeaseOrder)? = nil, seen: Seen = Seen(),
    record: @escaping @Sendable (ItemKey) throws -> [UInt8]
  ) -> Seen {
    let worker = LeaseWorker(
      clock: SimClock(world: world),
      store: SimStore(disk: disk ?? SimDisk("spool", in: world))
    ) { _ in Runner(world: world, seen: seen, record: record) }
    let (orders, order) = AsyncStream<LeaseOrder>.makeStream()
    order.yield(.setup(Self.setup))
    order.yield(.lease(Lease(id: 1, items: items, attempt: 1)))
    if let later { world.at(later.at) { order.yield(later.order) } }
    let outcome = world.run {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await worker.run() }
        group.addTask { try? await worker.serve(orders) { seen.reported($0) } }
        try? await world.sleep(until: world.now + .seconds(seconds))
        group.cancelAll()
      }
    }
    #expect(outcome.ending == .finished && outcome.escapeCount == 0)
    return seen
  }

  private static let setup = LeaseSetup(
    workID: "w", kind: "k", specification: [], rolloutsPerTask: 1)

  @Test func `an item that is leased again while it is in work has its own try if that one fails`()
  {
    // The coordinator took it back from a node that was not heard, and gave it to the same one.
    let again = LeaseOrder.lease(Lease(id: 2, items: [7..<8], attempt: 2))
    let tried = Seen()
    let seen = Self.run([7..<8], later: (.seconds(5), again), seen: tried) { key in
      if tried.tryCount == 1 { throw ItemFailure("timeout", "the first try") }
      return SimRunner.line(of: key.taskIndex)
    }
    #expect(seen.batches == ["1 failure 7..<8", "2 result 7..<8"])
    #expect(seen.tryCount == 2)
  }

  @Test(arguments: [
    #"{"task_index":7,"rollout_index":0,"a":1}\#n{"b":2}\#n"#,
    #"{"task_index":8,"rollout_index":0,"a":1}\#n"#,
    #"{"task_index":7,"rollout_index":0,"error":{"class":"a","message":"b"}}\#n"#,
    #"{"task_index":7,"rollout_index":0,"a":1}"#, "",
  ])
  func `a record that is not one line with its key is the failure of its item alone`(
    record: String
  ) {
    let seen = Self.run([7..<9]) { key in
      key.taskIndex == 7 ? Array(record.utf8) : SimRunner.line(of: key.taskIndex)
    }
    #expect(Set(seen.batches) == ["1 failure 7..<8", "1 result 8..<9"])
    #expect(seen.faultCount == 0)
  }

  @Test func `records that together are larger than a batch come in several`() {
    let filler = String(repeating: "x", count: 1 << 20)
    let seen = Self.run([0..<20], seconds: 400) { key in
      Array(#"{"task_index":\#(key.taskIndex),"rollout_index":0,"a":"\#(filler)"}\#n"#.utf8)
    }
    #expect(seen.items == [0..<20])
    #expect(seen.faultCount == 0 && seen.tryCount == 20)
  }

  @Test(arguments: [RecordLine.Kind.result, .failure])
  func `what an earlier agent spooled is not done again for a lease that comes before the spool`(
    kind: RecordLine.Kind
  ) async throws {
    let world = SimWorld(seed: 1)
    let disk = SimDisk("spool", in: world)
    let seen = Self.run([7..<8], on: world, disk: disk) { key in
      if kind == .failure { throw ItemFailure("timeout", "each time") }
      return SimRunner.line(of: key.taskIndex)
    }
    #expect(seen.batches == ["1 \(kind) 7..<8"])
    // The next agent finds it, and delivers it again.
    let later = Self.run([7..<8], on: world, disk: disk) { SimRunner.line(of: $0.taskIndex) }
    #expect(later.batches == ["1 \(kind) 7..<8"])
    #expect(later.tryCount == 0)
  }
}
