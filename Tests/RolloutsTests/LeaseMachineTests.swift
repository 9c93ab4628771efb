import Fleet
import Rollouts
import Testing

@Suite struct LeaseMachineTests {
  private typealias Machine = LeaseMachine<ContinuousClock.Instant>
  private let start = ContinuousClock().now

  private func machine(_ itemCount: UInt64, nodes: Int, recorded: [Range<UInt64>] = []) -> Machine {
    var settings = LeaseSettings()
    settings.firstCount = 2
    return Machine(
      itemCount: itemCount, nodeCount: nodes, recorded: OrdinalRangeSet(recorded),
      leaseIDFirst: 100, settings: settings, at: self.start)
  }

  @Test func `what was recorded before is not leased again`() {
    var machine = self.machine(10, nodes: 1, recorded: [0..<4, 5..<9])
    #expect(
      machine.leaseAsked(by: 0, at: self.start)
        == .lease(Lease(id: 100, items: 4..<5, attempt: 2)))
    #expect(
      machine.leaseAsked(by: 0, at: self.start)
        == .lease(Lease(id: 101, items: 9..<10, attempt: 2)))
    #expect(machine.leaseAsked(by: 0, at: self.start) == .none)
    #expect(machine.recorded(4..<5, by: 0, at: self.start) == .added(1))
    #expect(machine.recorded(4..<5, by: 0, at: self.start) == .duplicate)
    #expect(machine.recorded(9..<10, by: 0, at: self.start) == .finished)
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
      machine.leaseAsked(by: 1, at: late) == .lease(Lease(id: 102, items: 0..<1, attempt: 2)))
    // The lost one comes back: what it did counts once.
    #expect(machine.recorded(0..<1, by: 0, at: late) == .added(1))
    #expect(machine.recorded(0..<1, by: 1, at: late) == .duplicate)
  }

  @Test func `a long lease is cut for a node that idles`() {
    var machine = self.machine(8, nodes: 2)
    var leases: [Lease] = []
    while case .lease(let lease) = machine.leaseAsked(by: 0, at: self.start) {
      leases.append(lease)
    }
    #expect(leases.map(\.items) == [0..<2, 2..<3, 3..<4])
    for index in 0..<3 { _ = machine.leaseAsked(by: 1, at: self.start + .seconds(index)) }
    _ = machine.recorded(4..<8, by: 1, at: self.start)
    #expect(machine.leaseAsked(by: 1, at: self.start) == .none)
    #expect(
      machine.idled(node: 1, at: self.start) == .cut(node: 0, leaseID: leases[0].id, end: 1))
    #expect(
      machine.leaseAsked(by: 1, at: self.start) == .lease(Lease(id: 106, items: 1..<2, attempt: 2))
    )
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
        let end = UInt64.random(
          in: lease.items.lowerBound + 1...lease.items.upperBound, using: &random)
        _ = machine.recorded(lease.items.lowerBound..<end, by: owner, at: now)
      case 7: _ = machine.idled(node: node, at: now)
      case 8: _ = machine.ticked(at: now)
      default: if seed % 3 == 0 { _ = machine.faulted(node: node, at: now) }
      }
      #expect(machine.leases(of: node).allSatisfy { !machine.recorded.contains($0.items) })
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
