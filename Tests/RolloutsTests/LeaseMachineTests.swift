import Fleet
import Rollouts
import Testing

@Suite struct LeaseMachineTests {
  private typealias Machine = LeaseMachine<ContinuousClock.Instant>
  private let start = ContinuousClock().now

  private func machine(_ itemCount: UInt64, nodes: Int, history: [BatchHeader] = []) -> Machine {
    var settings = LeaseSettings()
    settings.firstCount = 2
    return Machine(
      itemCount: itemCount, nodeCount: nodes, history: WorkHistory(history), leaseIDFirst: 100,
      settings: settings, at: self.start)
  }

  @Test func `what was recorded before is not leased again`() {
    var machine = self.machine(
      10, nodes: 1,
      history: [BatchHeader(sequence: 1, leaseID: 1, attempt: 1, items: [0..<4, 5..<9])])
    #expect(
      machine.leaseAsked(by: 0, at: self.start)
        == .lease(Lease(id: 100, items: [4..<5], attempt: 2)))
    #expect(
      machine.leaseAsked(by: 0, at: self.start)
        == .lease(Lease(id: 101, items: [9..<10], attempt: 2)))
    #expect(machine.leaseAsked(by: 0, at: self.start) == .none)
    #expect(machine.recorded([4..<5], by: 0, at: self.start) == 1)
    #expect(machine.recorded([4..<5], by: 0, at: self.start) == 0)
    #expect(machine.recorded([9..<10], by: 0, at: self.start) == 1 && machine.isFinished)
    #expect(machine.leaseAsked(by: 0, at: self.start) == .finished)
  }

  @Test func `a silent node's items go to another with a higher attempt`() {
    var machine = self.machine(2, nodes: 2)
    _ = machine.leaseAsked(by: 0, at: self.start)
    _ = machine.leaseAsked(by: 0, at: self.start)
    let late = self.start + .seconds(15)
    #expect(machine.ticked(at: late - .seconds(1)) == [])
    #expect(machine.ticked(at: late) == [0])
    #expect(
      machine.leaseAsked(by: 1, at: late) == .lease(Lease(id: 102, items: [0..<1], attempt: 2)))
    // The lost one comes back: what it did counts once.
    #expect(machine.recorded([0..<1], by: 0, at: late) == 1)
    #expect(machine.recorded([0..<1], by: 1, at: late) == 0)
  }

  @Test func `a long lease is cut for a node that idles`() {
    var machine = self.machine(8, nodes: 2)
    var leases: [Lease] = []
    while case .lease(let lease) = machine.leaseAsked(by: 0, at: self.start) {
      leases.append(lease)
    }
    #expect(leases.map(\.items) == [[0..<2], [2..<3], [3..<4]])
    for index in 0..<3 { _ = machine.leaseAsked(by: 1, at: self.start + .seconds(index)) }
    _ = machine.recorded([4..<8], by: 1, at: self.start)
    #expect(machine.leaseAsked(by: 1, at: self.start) == .none)
    #expect(
      machine.idled(node: 1, at: self.start) == .cut(node: 0, leaseID: leases[0].id, end: 1))
    #expect(
      machine.leaseAsked(by: 1, at: self.start)
        == .lease(Lease(id: 106, items: [1..<2], attempt: 2))
    )
  }

  // MARK: Failures

  private func lease(_ machine: inout Machine, _ node: Int, at now: Duration = .zero) -> Lease? {
    guard case .lease(let lease) = machine.leaseAsked(by: node, at: self.start + now) else {
      return nil
    }
    return lease
  }

  @Test func `what failed goes to another node, with a higher attempt`() throws {
    var machine = self.machine(2, nodes: 2)
    let first = try #require(self.lease(&machine, 0))
    #expect(first.items == [0..<1])
    machine.failed([0..<1], leaseID: first.id, by: 0, at: self.start)
    #expect(machine.leases(of: 0).isEmpty)
    let second = try #require(self.lease(&machine, 0))
    #expect(second.items == [1..<2], "its own is for the other node")
    #expect(self.lease(&machine, 0) == nil)
    let retry = try #require(self.lease(&machine, 1))
    #expect(retry.items == [0..<1] && retry.attempt == 2)
    #expect(machine.recorded([0..<1], by: 1, at: self.start) == 1)
    #expect(machine.recorded([1..<2], by: 0, at: self.start) == 1 && machine.isFinished)
  }

  @Test func `where there is no other node, or none that is heard of, it is tried again there`()
    throws
  {
    var alone = self.machine(1, nodes: 1)
    let first = try #require(self.lease(&alone, 0))
    alone.failed([0..<1], leaseID: first.id, by: 0, at: self.start)
    #expect(try #require(self.lease(&alone, 0)).attempt == 2)
    var other = self.machine(1, nodes: 2)
    let lease = try #require(self.lease(&other, 0))
    other.failed([0..<1], leaseID: lease.id, by: 0, at: self.start)
    #expect(self.lease(&other, 0, at: .seconds(14)) == nil)
    #expect(try #require(self.lease(&other, 0, at: .seconds(15))).items == [0..<1])
  }

  @Test func `after three failures an item is given up, and the work can end`() throws {
    var machine = self.machine(2, nodes: 1)
    for attempt in 1...3 as ClosedRange<UInt32> {
      let lease = try #require(self.lease(&machine, 0))
      #expect(lease.items == [0..<1] && lease.attempt == attempt)
      machine.failed([0..<1], leaseID: lease.id, by: 0, at: self.start)
    }
    #expect(machine.abandoned == [0..<1] && !machine.isFinished)
    let last = try #require(self.lease(&machine, 0))
    #expect(last.items == [1..<2])
    #expect(machine.recorded([1..<2], by: 0, at: self.start) == 1 && machine.isFinished)
    #expect(machine.leaseAsked(by: 0, at: self.start) == .finished)
    #expect(machine.missing == [0..<1])
    // A node that was taken for lost has it after all.
    #expect(machine.recorded([0..<1], by: 0, at: self.start) == 1 && machine.isFinished)
    #expect(machine.abandoned.isEmpty && machine.missing.isEmpty)
  }

  @Test func `failures before a restart count, and the same one twice does not`() {
    let tries = [1, 2, 2, 3].map { lease in
      BatchHeader(
        sequence: lease, leaseID: lease, attempt: UInt32(lease), kind: .failure,
        items: lease == 3 ? [5..<6] : [4..<5])
    }
    var machine = self.machine(6, nodes: 1, history: tries)
    #expect(machine.abandoned.isEmpty)
    let lease = self.lease(&machine, 0)
    #expect(lease?.attempt == 4)
    let third = BatchHeader(sequence: 9, leaseID: 9, attempt: 4, kind: .failure, items: [4..<5])
    #expect(self.machine(6, nodes: 1, history: tries + [third]).abandoned == [4..<5])
  }

  @Test func `the failure of a lease that was taken back counts, and ends what waits`() throws {
    var machine = self.machine(1, nodes: 2)
    var leases: [Lease] = []
    for (node, seconds) in [(0, 0), (1, 15), (0, 30)] {
      _ = machine.ticked(at: self.start + .seconds(seconds))
      machine.heard(from: node, at: self.start + .seconds(seconds))
      leases.append(try #require(self.lease(&machine, node, at: .seconds(seconds))))
    }
    _ = machine.ticked(at: self.start + .seconds(45))
    #expect(leases.map(\.attempt) == [1, 2, 3])
    for (lease, node) in zip(leases, [0, 1, 0]) {
      machine.failed([0..<1], leaseID: lease.id, by: node, at: self.start + .seconds(46))
    }
    #expect(machine.isFinished && machine.abandoned == [0..<1])
  }

  @Test func `retries that lie apart are one lease`() throws {
    var machine = self.machine(16, nodes: 1)
    machine.progressed(LeaseProgress(concurrency: 8), of: 0, at: self.start)
    let lease = try #require(self.lease(&machine, 0))
    #expect(lease.items == [0..<8])
    machine.failed([1..<2, 4..<5, 7..<8], leaseID: lease.id, by: 0, at: self.start)
    #expect(try #require(self.lease(&machine, 0)).items == [1..<2, 4..<5, 7..<8])
  }

  @Test func `a node that can have many under way gets enough for all of them`() {
    var machine = self.machine(10_000, nodes: 1)
    machine.progressed(LeaseProgress(concurrency: 64), of: 0, at: self.start)
    var count: UInt64 = 0
    while let lease = self.lease(&machine, 0) { count += lease.items.count }
    #expect((128..<256).contains(count))
  }

  @Test func `a batch may have what its lease was given with, whatever became of it since`() throws
  {
    var machine = self.machine(100, nodes: 2)
    let lease = try #require(self.lease(&machine, 0))
    func deliverable(_ id: UInt64, by node: Int, attempt: UInt32 = 1) -> OrdinalRangeSet? {
      machine.deliverable(
        BatchHeader(sequence: 1, leaseID: id, attempt: attempt, items: [0..<1]), by: node)
    }
    #expect(deliverable(lease.id, by: 0) == lease.items)
    #expect(deliverable(lease.id, by: 0, attempt: 2) == [], "it had one attempt")
    #expect(deliverable(lease.id, by: 1) == [])
    #expect(deliverable(lease.id + 1, by: 0) == [], "it was never given")
    #expect(deliverable(0, by: 1) == nil, "an earlier coordinator gave it, to whom is not known")
    _ = machine.recorded([0..<1], by: 0, at: self.start)
    #expect(deliverable(lease.id, by: 0) == lease.items)
    _ = machine.ticked(at: self.start + .seconds(15))
    #expect(machine.leases(of: 0).isEmpty)
    #expect(deliverable(lease.id, by: 0) == lease.items)
  }

  @Test func `a batch of an earlier coordinator's lease is its holder's, within it, as that try`() {
    var leased = LeasedItems()
    leased.add(Lease(id: 7, items: [0..<4, 8..<9], attempt: 2))
    let machine = Machine(
      itemCount: 20, nodeCount: 2, leased: [leased], leaseIDFirst: 100, settings: LeaseSettings(),
      at: self.start)
    func counts(
      _ items: OrdinalRangeSet, attempt: UInt32 = 2, by node: Int = 0,
      kind: RecordLine.Kind = .result
    ) -> Bool {
      let batch = BatchHeader(sequence: 1, leaseID: 7, attempt: attempt, kind: kind, items: items)
      #expect(machine.deliverable(batch, by: node) != [], "an honest node may bring it")
      return machine.counts(batch, by: node)
    }
    #expect(counts([0..<4]) && counts([1..<2, 8..<9]))
    #expect(!counts([0..<4], attempt: 1), "with that it would win every conflict")
    #expect(!counts([3..<5]) && !counts([19..<20]), "it had not these items")
    #expect(!counts([0..<4], by: 1), "another had them")
    #expect(!counts([0..<4], kind: .failure))
  }

  @Test(arguments: [true, false])
  func `a node that says it cannot go on has ten chances in a row, and again after each record`(
    _ isResult: Bool
  ) throws {
    var machine = self.machine(1000, nodes: 1)
    var now = self.start
    func fault() -> Bool {
      now += .seconds(5)
      return machine.faulted(node: 0, at: now)
    }
    for _ in 0..<3 {
      for _ in 0..<9 { #expect(fault()) }
      now += .seconds(5)
      guard case .lease(let lease) = machine.leaseAsked(by: 0, at: now) else {
        Issue.record("it gets nothing")
        return
      }
      let item: OrdinalRangeSet = [lease.items.span.lowerBound..<lease.items.span.lowerBound + 1]
      if isResult {
        machine.recorded(item, by: 0, at: now)
      } else {
        machine.failed(item, leaseID: lease.id, by: 0, at: now)
      }
    }
    for _ in 0..<9 { #expect(fault()) }
    #expect(!fault())
    #expect(machine.leaseAsked(by: 0, at: now + .seconds(60)) == .none)
  }

  @Test func `what a node left out of its lease, and what is not stored, is leased again`() throws {
    var machine = self.machine(16, nodes: 1)
    let lease = try #require(self.lease(&machine, 0))
    let some: OrdinalRangeSet = [lease.items.span.lowerBound..<lease.items.span.lowerBound + 1]
    machine.dropped(some, by: 0, at: self.start)
    #expect(machine.leases(of: 0)[0].items == lease.items.subtracting(some))
    var again = OrdinalRangeSet()
    while let next = self.lease(&machine, 0) {
      if next.attempt == 2 { again.insert(next.items) }
      machine.recorded(next.items, by: 0, at: self.start)
    }
    #expect(again == some)
  }

  @Test(arguments: 0..<300 as Range<UInt64>)
  func `whatever happens, each item is free, leased or recorded, and the work can end`(
    seed: UInt64
  ) {
    var random = SplitMix64(state: seed)
    let (itemCount, nodeCount) = (UInt64(random.next() % 40) + 1, Int(random.next() % 4) + 1)
    var machine = self.machine(itemCount, nodes: nodeCount)
    var now = self.start
    var given: [(node: Int, lease: Lease)] = []
    for _ in 0..<200 where !machine.isFinished {
      now += .milliseconds(Int.random(in: 0...3000, using: &random))
      let node = Int.random(in: 0..<nodeCount, using: &random)
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<4:
        if case .lease(let lease) = machine.leaseAsked(by: node, at: now) {
          given.append((node, lease))
        }
      case 4..<7:
        guard let (owner, lease) = given.randomElement(using: &random) else { continue }
        let part = OrdinalRangeSet(
          lease.items.ordinals.filter { _ in Bool.random(using: &random) }.map { $0..<$0 + 1 })
        guard !part.isEmpty else { continue }
        if Int.random(in: 0..<4, using: &random) == 0 {
          machine.failed(part, leaseID: lease.id, by: owner, at: now)
        } else {
          _ = machine.recorded(part, by: owner, at: now)
        }
      case 7: _ = machine.idled(node: node, at: now)
      case 8: _ = machine.ticked(at: now)
      default: if seed % 3 == 0 { _ = machine.faulted(node: node, at: now) }
      }
      #expect(machine.leases(of: node).allSatisfy { !$0.items.isEmpty })
      #expect(
        machine.leases(of: node).allSatisfy { machine.recorded.intersection($0.items).isEmpty })
      #expect(machine.abandoned.intersection(machine.recorded).isEmpty)
    }
    // Node 0 does what is left alone, after the others have been silent for long enough.
    now += .seconds(20)
    _ = machine.ticked(at: now)
    for _ in 0..<Int(itemCount) * 2 where !machine.isFinished && seed % 3 != 0 {
      guard case .lease(let lease) = machine.leaseAsked(by: 0, at: now) else { break }
      _ = machine.recorded(lease.items, by: 0, at: now)
    }
    #expect(machine.isFinished || seed % 3 == 0, "\(machine.missing)")
  }
}
