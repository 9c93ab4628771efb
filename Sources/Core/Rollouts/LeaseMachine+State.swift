extension LeaseMachine {
  /// Items nobody works on.
  struct Free: Sendable {
    var items: OrdinalRangeSet
    /// Of the lease that they will be given in.
    var attempt: UInt32
    /// Where they failed last: another node is to try them, if there is one.
    var failedOn: Int?
  }

  struct Held: Sendable {
    /// Its items are those that are still to come.
    var lease: Lease
    /// The items as they were given: also what is cut off may come.
    var given: OrdinalRangeSet
    /// How many items it has, without what was cut off.
    var count: UInt64
    var startedAt: Instant
    /// The next item the node will begin, as far as it told.
    var next: UInt64

    /// What the node has not begun.
    var waiting: OrdinalRangeSet {
      let end = self.lease.items.span.upperBound
      return self.next < end ? self.lease.items.intersection([self.next..<end]) : []
    }
  }

  struct Node: Sendable {
    var held: [Held] = []
    /// All that it was ever leased, by earlier coordinators too.
    var leased: LeasedItems
    var heardAt: Instant
    /// Size of its next lease in items.
    var leaseCount: UInt64
    /// Items that it can have under way at once.
    var concurrency: UInt64 = 1
    /// Items in a second; 0: unknown.
    var rate: Double = 0
    var recordedCount: UInt64 = 0
    var faultCount = 0
    var pausedUntil: Instant?
    var isGivenUp = false

    /// Whether it may be given work now.
    func takesWork(at now: Instant) -> Bool {
      !self.isGivenUp && self.pausedUntil.map { now >= $0 } ?? true
    }
  }
}
