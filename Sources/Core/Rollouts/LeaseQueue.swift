/// The leases a node has been given and has not worked off, oldest first.
package struct LeaseQueue: Sendable {
  /// More leases than a coordinator of ours gives at a time; each beyond it is a fault of the peer.
  /// A lease in several parts is one, in however many.
  package static let countMax = 64

  /// Consecutive items of one lease, to be worked on next.
  package struct Slice: Equatable, Sendable {
    package var leaseID: UInt64
    package var attempt: UInt32
    package var items: Range<UInt64>
  }

  /// What is left of the leases, in order; one lease may have several parts.
  private var parts: [Slice] = []

  package init() {}

  package var isEmpty: Bool { self.parts.isEmpty }

  /// The lease and the next item that will be worked on.
  package var next: (leaseID: UInt64, item: UInt64)? {
    self.parts.first.map { ($0.leaseID, $0.items.lowerBound) }
  }

  /// The parts of a lease lie together.
  private var leaseCount: Int {
    zip(self.parts, self.parts.dropFirst()).count { $0.leaseID != $1.leaseID }
      + (self.parts.isEmpty ? 0 : 1)
  }

  /// - Parameter held: Items this node has done and still holds: they are not done again.
  /// - Returns: Whether there was room.
  package mutating func leased(_ lease: Lease, holding held: OrdinalRangeSet) -> Bool {
    guard self.leaseCount < Self.countMax else { return false }
    for items in held.gaps(in: lease.items) {
      self.parts.append(Slice(leaseID: lease.id, attempt: lease.attempt, items: items))
    }
    return true
  }

  /// A lease ends before `end`. One that is not here has been worked off: the cut came too late.
  package mutating func cut(leaseID: UInt64, end: UInt64) {
    self.parts = self.parts.compactMap { part in
      guard part.leaseID == leaseID, part.items.upperBound > end else { return part }
      guard part.items.lowerBound < end else { return nil }
      var shorter = part
      shorter.items = part.items.lowerBound..<end
      return shorter
    }
  }

  /// Takes the next items, at most `countMax` (at least 1) of them.
  package mutating func take(countMax: Int) -> Slice? {
    guard var slice = self.parts.first else { return nil }
    let end = min(slice.items.upperBound, slice.items.lowerBound + UInt64(countMax))
    if end < slice.items.upperBound {
      self.parts[0].items = end..<slice.items.upperBound
    } else {
      self.parts.removeFirst()
    }
    slice.items = slice.items.lowerBound..<end
    return slice
  }

  package mutating func removeAll() { self.parts.removeAll() }
}
