/// Decides which node works on which items, from what has been recorded and who was heard when.
///
/// An item is free, leased or recorded. A lease is extended by whatever its node says, ends when all
/// its items are recorded, is cut when others idle, and is taken back when its node is silent or
/// says that it cannot go on; its items are then leased again with a higher attempt.
///
/// ```
/// free ──lease──▶ leased ──recorded──▶ recorded
///   ▲                │
///   └──cut, expired──┘
/// ```
package struct LeaseMachine<Instant: InstantProtocol>: Sendable
where Instant.Duration == Duration, Instant: Sendable {
  package enum LeaseAction: Equatable, Sendable {
    case lease(Lease)
    /// Nothing for this node now: it has enough, there is nothing free, or it is in a pause.
    case none
    /// Every item is recorded.
    case finished
  }

  package enum RecordAction: Equatable, Sendable {
    /// So many items are new.
    case added(UInt64)
    /// All of them were recorded before: a redelivery, or a lease that was given away.
    case duplicate
    /// These were the last.
    case finished
  }

  package enum CutAction: Equatable, Sendable {
    /// Tell the node that its lease ends earlier.
    case cut(node: Int, leaseID: UInt64, end: UInt64)
    case none
  }

  package enum FaultAction: Equatable, Sendable {
    /// The node's items are free again; it gets new ones after a pause.
    case paused
    /// It has had its chances.
    case giveUp
  }

  /// Items nobody works on.
  struct Free: Equatable, Sendable {
    var items: Range<UInt64>
    var attempt: UInt32
  }

  struct Held: Sendable {
    var lease: Lease
    var startedAt: Instant
    /// The next item the node will work on, as far as it told.
    var next: UInt64
  }

  struct Node: Sendable {
    var held: [Held] = []
    var heardAt: Instant
    /// Size of its next lease in items.
    var leaseCount: UInt64
    /// Items in a second; 0: unknown.
    var rate: Double = 0
    var recordedCount: UInt64 = 0
    var faultCount = 0
    var pausedUntil: Instant?
    var isGivenUp = false
  }

  package let itemCount: UInt64
  /// The first id this machine gives; ids below it are those of earlier coordinators.
  package let leaseIDFirst: UInt64
  package private(set) var leaseIDNext: UInt64
  package private(set) var recorded: OrdinalRangeSet
  let settings: LeaseSettings
  /// Taken from the front; what comes back goes there, so that what was tried first ends first.
  var free: [Free]
  var nodes: [Node]

  /// - Parameters:
  ///   - itemCount: 1 to 2^40.
  ///   - nodeCount: 1 to 4,096; nodes are then named by their index.
  ///   - recorded: What earlier coordinators of this work have on disk; all below `itemCount`.
  ///   - leaseIDFirst: Above all ids that earlier coordinators of this work gave.
  package init(
    itemCount: UInt64, nodeCount: Int, recorded: OrdinalRangeSet, leaseIDFirst: UInt64,
    settings: LeaseSettings, at now: Instant
  ) {
    precondition(1...WorkPlan.maximumItemCount ~= itemCount, "\(itemCount) items")
    precondition(1...4096 ~= nodeCount, "\(nodeCount) nodes")
    precondition((recorded.ranges.last?.upperBound ?? 0) <= itemCount, "records beyond the plan")
    self.itemCount = itemCount
    self.leaseIDFirst = leaseIDFirst
    self.leaseIDNext = leaseIDFirst
    self.recorded = recorded
    self.settings = settings
    // Whatever is left may have been leased before, by a coordinator that is gone.
    let attempt: UInt32 = recorded.isEmpty ? 1 : 2
    self.free = recorded.gaps(in: 0..<itemCount).map { Free(items: $0, attempt: attempt) }
    self.nodes = (0..<nodeCount).map { _ in
      Node(heardAt: now, leaseCount: settings.firstCount)
    }
  }

  package var isFinished: Bool { self.recorded.count == self.itemCount }

  /// What is not recorded, in order.
  package var missing: [Range<UInt64>] { self.recorded.gaps(in: 0..<self.itemCount) }

  /// The leases a node has, oldest first: what a new stream to it repeats.
  package func leases(of node: Int) -> [Lease] { self.nodes[node].held.map(\.lease) }

  package func isLeased(_ leaseID: UInt64, to node: Int) -> Bool {
    self.nodes[node].held.contains { $0.lease.id == leaseID }
  }

  /// Items in a second over the node's last lease; 0: unknown.
  package func rate(of node: Int) -> Double { self.nodes[node].rate }

  /// Items that this node was the first to bring.
  package func recordedCount(of node: Int) -> UInt64 { self.nodes[node].recordedCount }

  /// Number of items that are leased and not recorded, of all nodes.
  package var leasedCount: UInt64 {
    self.nodes.reduce(0) { sum, node in
      node.held.reduce(sum) { $0 + self.remaining(of: $1.lease.items) }
    }
  }

  func remaining(of items: Range<UInt64>) -> UInt64 {
    self.recorded.gaps(in: items).reduce(0) { $0 + UInt64($1.count) }
  }

  // MARK: Giving

  /// A node can take another lease.
  package mutating func leaseAsked(by node: Int, at now: Instant) -> LeaseAction {
    if self.isFinished { return .finished }
    let asking = self.nodes[node]
    if asking.isGivenUp || asking.held.count >= self.settings.outstandingMax { return .none }
    if let until = asking.pausedUntil, now < until { return .none }
    guard let part = self.takeFree(countMax: self.share(of: asking)) else { return .none }
    let lease = Lease(id: self.leaseIDNext, items: part.items, attempt: part.attempt)
    self.leaseIDNext += 1
    if asking.held.isEmpty { self.nodes[node].heardAt = now }
    self.nodes[node].held.append(
      Held(lease: lease, startedAt: now, next: lease.items.lowerBound))
    return .lease(lease)
  }

  /// Its size by its rate, but never more than an even share of half of what is free: towards the end
  /// leases become small, so that nodes end together.
  private func share(of node: Node) -> UInt64 {
    let free = self.free.reduce(0) { $0 + UInt64($1.items.count) }
    let active = UInt64(self.nodes.count { !$0.isGivenUp })
    return max(1, min(node.leaseCount, self.settings.countMax, free / (2 * max(1, active))))
  }

  private mutating func takeFree(countMax: UInt64) -> Free? {
    while let first = self.free.first {
      // What was taken back may have been recorded since.
      guard let gap = self.recorded.gaps(in: first.items).first else {
        self.free.removeFirst()
        continue
      }
      let end = min(gap.upperBound, gap.lowerBound + countMax)
      if end < first.items.upperBound {
        self.free[0].items = end..<first.items.upperBound
      } else {
        self.free.removeFirst()
      }
      return Free(items: gap.lowerBound..<end, attempt: first.attempt)
    }
    return nil
  }

  // MARK: Hearing

  /// A node said something: all its leases are extended.
  package mutating func heard(from node: Int, at now: Instant) {
    self.nodes[node].heardAt = now
  }

  package mutating func progressed(node: Int, leaseID: UInt64, next: UInt64, at now: Instant) {
    self.nodes[node].heardAt = now
    // A lease that has been taken back or is done: the report crossed with that.
    guard let index = self.nodes[node].held.firstIndex(where: { $0.lease.id == leaseID }) else {
      return
    }
    let items = self.nodes[node].held[index].lease.items
    self.nodes[node].held[index].next = min(max(next, items.lowerBound), items.upperBound)
  }

  /// Items that a node brought are on the coordinator's disk.
  ///
  /// - Parameter items: Below ``itemCount``; of whichever lease.
  package mutating func recorded(_ items: Range<UInt64>, by node: Int, at now: Instant)
    -> RecordAction
  {
    precondition(items.upperBound <= self.itemCount, "items \(items) of \(self.itemCount)")
    self.nodes[node].heardAt = now
    let added = self.recorded.insert(items)
    if added == 0 { return .duplicate }
    self.nodes[node].recordedCount += added
    self.nodes[node].faultCount = 0
    // Mostly the node's own; another's when this one had been taken for lost.
    for index in self.nodes.indices { self.endLeases(of: index, touching: items, at: now) }
    return self.isFinished ? .finished : .added(added)
  }

  private mutating func endLeases(of node: Int, touching items: Range<UInt64>, at now: Instant) {
    var index = 0
    while index < self.nodes[node].held.count {
      let held = self.nodes[node].held[index]
      guard held.lease.items.overlaps(items), self.recorded.contains(held.lease.items) else {
        index += 1
        continue
      }
      self.nodes[node].held.remove(at: index)
      self.adaptSize(of: node, to: held, at: now)
      // The next one began when this one ended, not when it was given.
      if index < self.nodes[node].held.count { self.nodes[node].held[index].startedAt = now }
    }
  }

  private mutating func adaptSize(of node: Int, to ended: Held, at now: Instant) {
    let elapsed = max(ended.startedAt.duration(to: now), .milliseconds(1))
    let count = UInt64(ended.lease.items.count)
    let rate = Double(count) / (elapsed / .seconds(1))
    self.nodes[node].rate =
      self.nodes[node].rate == 0 ? rate : 0.7 * self.nodes[node].rate + 0.3 * rate
    let wanted = rate * (self.settings.duration / .seconds(1))
    // By a factor of four at most: one lease's time is a rough measure.
    let low = max(1, count / 4)
    let size = min(Double(self.settings.countMax), max(Double(low), min(wanted, 4 * Double(count))))
    self.nodes[node].leaseCount = max(1, UInt64(size))
  }
}
