/// The leases a node has been given and has not worked off, oldest first.
package struct LeaseQueue: Sendable {
  /// More leases than a coordinator of ours gives at a time; each beyond it is a fault of the peer.
  package static let countMax = 64

  /// Consecutive items of one lease, to be worked on next.
  package struct Slice: Equatable, Sendable {
    package var leaseID: UInt64
    package var attempt: UInt32
    package var items: Range<UInt64>
  }

  /// With what is left of them; none is empty.
  private var leases: [Lease] = []

  package init() {}

  package var isEmpty: Bool { self.leases.isEmpty }

  /// The lease and the next item that will be worked on.
  package var next: (leaseID: UInt64, item: UInt64)? {
    self.leases.first.map { ($0.id, $0.items.span.lowerBound) }
  }

  /// - Parameter held: Items this node has done and still holds: they are not done again.
  /// - Returns: Whether there was room.
  package mutating func leased(_ lease: Lease, holding held: OrdinalRangeSet) -> Bool {
    guard self.leases.count < Self.countMax else { return false }
    var lease = lease
    lease.items = lease.items.subtracting(held)
    if !lease.items.isEmpty { self.leases.append(lease) }
    return true
  }

  /// An item that was in work for an earlier lease has failed there: it is to be done for this one.
  package mutating func add(_ ordinal: UInt64, of lease: Lease) {
    if let index = self.leases.firstIndex(where: { $0.id == lease.id }) {
      self.leases[index].items.insert(ordinal..<ordinal + 1)
    } else {
      self.leases.append(
        Lease(id: lease.id, items: [ordinal..<ordinal + 1], attempt: lease.attempt))
    }
  }

  /// A lease ends before `end`. One that is not here has been worked off: the cut came too late.
  package mutating func cut(leaseID: UInt64, end: UInt64) {
    for index in self.leases.indices where self.leases[index].id == leaseID {
      self.leases[index].items.remove(end..<max(end, self.leases[index].items.span.upperBound))
    }
    self.leases.removeAll { $0.items.isEmpty }
  }

  /// Takes the next items, at most `countMax` (at least 1) of them.
  package mutating func take(countMax: Int) -> Slice? {
    guard let lease = self.leases.first else { return nil }
    let items = self.leases[0].items.takeFirst(UInt64(countMax), rangeCountMax: 1)
    if self.leases[0].items.isEmpty { self.leases.removeFirst() }
    return Slice(leaseID: lease.id, attempt: lease.attempt, items: items.span)
  }

  package mutating func removeAll() { self.leases.removeAll() }
}
