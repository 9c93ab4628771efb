@testable import Rollouts
import Testing

struct LeaseQueueTests {
  private typealias Slice = LeaseQueue.Slice

  private static func slices(_ queue: LeaseQueue, countMax: Int = 1000) -> [Slice] {
    var queue = queue
    var slices: [Slice] = []
    while let slice = queue.take(countMax: countMax) { slices.append(slice) }
    return slices
  }

  /// A queue of the leases 7 (items 0 ..< 10, attempt 1) and 8 (items 20 ..< 25, attempt 3).
  private static func queue() -> LeaseQueue {
    var queue = LeaseQueue()
    #expect(
      queue.leased(Lease(id: 7, items: [0..<10], attempt: 1), holding: OrdinalRangeSet()) == true)
    #expect(
      queue.leased(Lease(id: 8, items: [20..<25], attempt: 3), holding: OrdinalRangeSet()) == true)
    return queue
  }

  @Test func `leases are worked off in their order, in slices of one lease each`() {
    var queue = Self.queue()
    #expect(queue.next?.leaseID == 7 && queue.next?.item == 0)
    #expect(queue.take(countMax: 4) == Slice(leaseID: 7, attempt: 1, items: 0..<4))
    #expect(queue.next?.leaseID == 7 && queue.next?.item == 4)
    #expect(queue.take(countMax: 6) == Slice(leaseID: 7, attempt: 1, items: 4..<10))
    #expect(queue.next?.leaseID == 8 && queue.next?.item == 20)
    #expect(queue.take(countMax: 100) == Slice(leaseID: 8, attempt: 3, items: 20..<25))
    #expect(queue.isEmpty && queue.next == nil && queue.take(countMax: 1) == nil)
  }

  @Test func `a slice never has items of two leases, even where they touch`() {
    var queue = LeaseQueue()
    _ = queue.leased(Lease(id: 1, items: [0..<3], attempt: 1), holding: OrdinalRangeSet())
    _ = queue.leased(Lease(id: 2, items: [3..<6], attempt: 2), holding: OrdinalRangeSet())
    #expect(
      Self.slices(queue) == [
        Slice(leaseID: 1, attempt: 1, items: 0..<3), Slice(leaseID: 2, attempt: 2, items: 3..<6),
      ])
  }

  @Test func `what the node still holds is not done again`() {
    var queue = LeaseQueue()
    let held = OrdinalRangeSet([0..<2, 4..<5, 9..<30])
    #expect(queue.leased(Lease(id: 1, items: [1..<10], attempt: 2), holding: held) == true)
    #expect(
      Self.slices(queue) == [
        Slice(leaseID: 1, attempt: 2, items: 2..<4), Slice(leaseID: 1, attempt: 2, items: 5..<9),
      ])
    var none = LeaseQueue()
    #expect(none.leased(Lease(id: 2, items: [9..<30], attempt: 2), holding: held) == true)
    #expect(none.isEmpty)
  }

  @Test func `a cut shortens its lease alone`() {
    var queue = Self.queue()
    queue.cut(leaseID: 7, end: 4)
    #expect(Self.slices(queue).map(\.items) == [0..<4, 20..<25])
    queue.cut(leaseID: 7, end: 9)
    #expect(Self.slices(queue).map(\.items) == [0..<4, 20..<25], "a cut never gives items back")
    queue.cut(leaseID: 8, end: 20)
    #expect(Self.slices(queue).map(\.items) == [0..<4])
    queue.cut(leaseID: 9, end: 0)
    #expect(Self.slices(queue).map(\.items) == [0..<4], "a lease that is not here")
  }

  @Test func `a cut that comes too late takes what is left`() {
    var queue = Self.queue()
    _ = queue.take(countMax: 6)
    queue.cut(leaseID: 7, end: 5)
    #expect(queue.next?.leaseID == 8)
  }

  @Test func `a cut goes through all parts of a lease`() {
    var queue = LeaseQueue()
    let held = OrdinalRangeSet([2..<4, 6..<8])
    _ = queue.leased(Lease(id: 1, items: [0..<10], attempt: 1), holding: held)
    queue.cut(leaseID: 1, end: 5)
    #expect(Self.slices(queue).map(\.items) == [0..<2, 4..<5])
  }

  @Test func `a coordinator that gives too many leases is refused, and the queue stays`() {
    var queue = LeaseQueue()
    for index in 0..<UInt64(LeaseQueue.countMax) {
      #expect(
        queue.leased(
          Lease(id: index, items: [index..<index + 1], attempt: 1), holding: OrdinalRangeSet())
          == true)
    }
    let before = Self.slices(queue)
    #expect(
      queue.leased(Lease(id: 99, items: [99..<100], attempt: 1), holding: OrdinalRangeSet())
        == false)
    #expect(Self.slices(queue) == before)
    _ = queue.take(countMax: 1)
    #expect(
      queue.leased(Lease(id: 99, items: [99..<100], attempt: 1), holding: OrdinalRangeSet()) == true
    )
    queue.removeAll()
    #expect(queue.isEmpty)
  }

  @Test func `a lease in many parts is one lease`() {
    var queue = LeaseQueue()
    // Every other item is held: as many parts as items, and the coordinator did nothing wrong.
    let held = OrdinalRangeSet((0..<200 as Range<UInt64>).map { $0 * 2..<$0 * 2 + 1 })
    #expect(queue.leased(Lease(id: 1, items: [0..<400], attempt: 1), holding: held) == true)
    #expect(queue.leased(Lease(id: 2, items: [400..<410], attempt: 1), holding: held) == true)
    #expect(Self.slices(queue).map(\.items).last == 400..<410)
  }
}
