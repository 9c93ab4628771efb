/// Decides which node works on which items, from what has been recorded, what failed and who was heard
/// when.
///
/// An item is free, leased, recorded or given up. A lease is extended by whatever its node says, ends
/// when all its items are recorded or have failed, is cut when others idle, and is taken back when its
/// node is silent or says that it cannot go on; its items are then leased again with a higher attempt.
/// An item that failed is leased again too, to another node where there is one, until it has failed as
/// often as the plan allows.
///
/// ```
/// free ──lease──▶ leased ──recorded──▶ recorded
///   ▲                │
///   ├──cut, expired──┤
///   └─────failed─────┴──too often──▶ given up
/// ```
package struct LeaseMachine<Instant: InstantProtocol>: Sendable
where Instant.Duration == Duration, Instant: Sendable {
  package enum LeaseAction: Equatable, Sendable {
    case lease(Lease)
    /// Nothing for this node now: it has enough, there is nothing free for it, or it is in a pause.
    case none
    /// Every item is recorded or given up.
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
      let span = self.lease.items.span
      guard self.next > span.lowerBound else { return self.lease.items }
      guard self.next < span.upperBound else { return [] }
      return self.lease.items.intersection([self.next..<span.upperBound])
    }
  }

  struct Node: Sendable {
    var held: [Held] = []
    /// All that it was ever leased by this machine.
    var leased = OrdinalRangeSet()
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

    var leftCount: UInt64 { self.held.reduce(0) { $0 + $1.lease.items.count } }
  }

  package let itemCount: UInt64
  /// The first id this machine gives; ids below it are those of earlier coordinators.
  package let leaseIDFirst: UInt64
  package private(set) var leaseIDNext: UInt64
  package private(set) var recorded: OrdinalRangeSet
  /// Items that failed too often, and have no result.
  package private(set) var abandoned = OrdinalRangeSet()
  let settings: LeaseSettings
  private let attemptCountMax: UInt32
  /// How often items failed.
  private var failures: [UInt64: UInt32]
  /// Those of them that failed too often.
  private var exhausted: OrdinalRangeSet
  /// Taken from the front; what comes back goes there, so that what was tried first ends first.
  var free: [Free] = []
  var nodes: [Node]

  /// - Parameters:
  ///   - itemCount: 1 to 2^40.
  ///   - attemptCountMax: Failures after which an item is given up, at least 1.
  ///   - nodeCount: 1 to 4,096; nodes are then named by their index.
  ///   - history: What earlier coordinators of this work have on disk; all below `itemCount`.
  ///   - leaseIDFirst: Above all ids that earlier coordinators of this work gave.
  package init(
    itemCount: UInt64, attemptCountMax: UInt32 = 3, nodeCount: Int,
    history: WorkHistory = WorkHistory(), leaseIDFirst: UInt64, settings: LeaseSettings,
    at now: Instant
  ) {
    precondition(1...WorkPlan.maximumItemCount ~= itemCount, "\(itemCount) items")
    precondition(1...4096 ~= nodeCount, "\(nodeCount) nodes")
    precondition(history.recorded.span.upperBound <= itemCount, "records beyond the plan")
    self.itemCount = itemCount
    self.attemptCountMax = attemptCountMax
    self.leaseIDFirst = leaseIDFirst
    self.leaseIDNext = leaseIDFirst
    self.recorded = history.recorded
    self.failures = history.failureCounts
    self.exhausted = OrdinalRangeSet(
      self.failures.filter { $0.value >= attemptCountMax }.keys.sorted().map { $0..<$0 + 1 })
    self.settings = settings
    self.nodes = (0..<nodeCount).map { _ in
      Node(heardAt: now, leaseCount: settings.firstCount)
    }
    // Whatever is left may have been leased before, by a coordinator that is gone.
    self.release(
      OrdinalRangeSet(self.recorded.gaps(in: 0..<itemCount)), attempt: history.attemptLast + 1)
  }

  package var isFinished: Bool { self.recorded.count + self.abandoned.count == self.itemCount }

  /// What is not recorded, in order.
  package var missing: [Range<UInt64>] { self.recorded.gaps(in: 0..<self.itemCount) }

  /// The leases a node has, oldest first: what a new stream to it repeats.
  package func leases(of node: Int) -> [Lease] { self.nodes[node].held.map(\.lease) }

  /// The items that a batch of this lease may have from this node; `nil`: any that are planned, as
  /// the lease is one of an earlier coordinator.
  package func deliverable(leaseID: UInt64, by node: Int) -> OrdinalRangeSet? {
    if leaseID < self.leaseIDFirst { return nil }
    if leaseID >= self.leaseIDNext { return [] }
    return self.nodes[node].held.first { $0.lease.id == leaseID }?.given
      ?? self.nodes[node].leased
  }

  /// Items in a second over the node's last lease; 0: unknown.
  package func rate(of node: Int) -> Double { self.nodes[node].rate }

  /// Items that this node was the first to bring.
  package func recordedCount(of node: Int) -> UInt64 { self.nodes[node].recordedCount }

  // MARK: Giving

  /// A node can take another lease.
  package mutating func leaseAsked(by node: Int, at now: Instant) -> LeaseAction {
    if self.isFinished { return .finished }
    guard self.canTake(self.nodes[node], at: now), let place = self.freePlace(for: node, at: now)
    else { return .none }
    let part = self.takeFree(at: place, countMax: self.share(of: self.nodes[node]))
    let lease = Lease(id: self.leaseIDNext, items: part.items, attempt: part.attempt)
    self.leaseIDNext += 1
    if self.nodes[node].held.isEmpty { self.nodes[node].heardAt = now }
    self.nodes[node].leased.insert(lease.items)
    self.nodes[node].held.append(
      Held(
        lease: lease, given: lease.items, count: lease.items.count, startedAt: now,
        next: lease.items.span.lowerBound))
    return .lease(lease)
  }

  private func canTake(_ node: Node, at now: Instant) -> Bool {
    if node.isGivenUp || node.held.count >= self.settings.heldMax { return false }
    if let until = node.pausedUntil, now < until { return false }
    // Twice: what is under way, and as much that waits behind it.
    return node.held.count < self.settings.outstandingMax
      || node.leftCount < 2 * node.concurrency && node.concurrency > 1
  }

  /// What is free and may be given to this node.
  func freePlace(for node: Int, at now: Instant) -> Int? {
    self.free.firstIndex { free in
      free.failedOn != node
        || !self.nodes.indices.contains { $0 != node && self.isAble($0, at: now) }
    }
  }

  /// Whether the node is one that will take work.
  private func isAble(_ node: Int, at now: Instant) -> Bool {
    let node = self.nodes[node]
    if node.isGivenUp || node.pausedUntil.map({ now < $0 }) ?? false { return false }
    return node.heardAt.duration(to: now) < self.settings.timeout
  }

  /// Its size by its rate, and enough for all that can be under way; but never more than an even share
  /// of half of what is free: towards the end leases become small, so that nodes end together.
  private func share(of node: Node) -> UInt64 {
    let free = self.free.reduce(0) { $0 + $1.items.count }
    let active = UInt64(self.nodes.count { !$0.isGivenUp })
    return max(
      1,
      min(
        max(node.leaseCount, node.concurrency), self.settings.countMax, free / (2 * max(1, active)))
    )
  }

  private mutating func takeFree(at place: Int, countMax: UInt64) -> Free {
    var taken = self.free[place]
    taken.items = self.free[place].items.takeFirst(
      countMax, rangeCountMax: Lease.maximumRangeCount)
    if self.free[place].items.isEmpty { self.free.remove(at: place) }
    return taken
  }

  /// Items are nobody's any more: free, or given up where they failed too often.
  mutating func release(_ items: OrdinalRangeSet, attempt: UInt32, failedOn: Int? = nil) {
    self.abandoned.insert(items.intersection(self.exhausted))
    let left = items.subtracting(self.exhausted)
    guard !left.isEmpty else { return }
    let place = self.free.firstIndex { $0.attempt == attempt && $0.failedOn == failedOn }
    if let place {
      self.free[place].items.insert(left)
    } else {
      self.free.insert(Free(items: left, attempt: attempt, failedOn: failedOn), at: 0)
    }
  }

  // MARK: Hearing

  /// A node said something: all its leases are extended.
  package mutating func heard(from node: Int, at now: Instant) {
    self.nodes[node].heardAt = now
  }

  package mutating func progressed(_ progress: LeaseProgress, of node: Int, at now: Instant) {
    self.nodes[node].heardAt = now
    if progress.concurrency > 0 {
      self.nodes[node].concurrency = min(UInt64(progress.concurrency), self.settings.concurrencyMax)
    }
    let count = self.nodes[node].held.count
    let place = self.nodes[node].held.firstIndex { $0.lease.id == progress.leaseID }
    // A lease that has been taken back or is done: the report crossed with that.
    if place == nil, progress.leaseID > 0 { return }
    // Leases are worked off in their order; where nothing waits, all that is left is under way.
    for index in 0..<count {
      let span = self.nodes[node].held[index].given.span
      let isBegun = index < place ?? count
      self.nodes[node].held[index].next =
        index == place ? progress.next : isBegun ? span.upperBound : span.lowerBound
    }
  }

  /// Results that a node brought are on the coordinator's disk.
  ///
  /// - Parameter items: Below ``itemCount``; of whichever lease.
  package mutating func recorded(_ items: OrdinalRangeSet, by node: Int, at now: Instant)
    -> RecordAction
  {
    precondition(items.span.upperBound <= self.itemCount, "items \(items) of \(self.itemCount)")
    self.nodes[node].heardAt = now
    let added = self.recorded.insert(items)
    if added == 0 { return .duplicate }
    self.nodes[node].recordedCount += added
    self.nodes[node].faultCount = 0
    self.abandoned.remove(items)
    for index in self.free.indices { self.free[index].items.remove(items) }
    self.free.removeAll { $0.items.isEmpty }
    // Mostly the node's own; another's when this one had been taken for lost.
    for index in self.nodes.indices { self.remove(items, fromLeasesOf: index, at: now) }
    return self.isFinished ? .finished : .added(added)
  }

  /// Failure records that a node brought are on the coordinator's disk, for the first time.
  ///
  /// - Parameters:
  ///   - items: Below ``itemCount``.
  ///   - leaseID: Of the lease under which they were tried.
  package mutating func failed(
    _ items: OrdinalRangeSet, leaseID: UInt64, by node: Int, at now: Instant
  ) {
    precondition(items.span.upperBound <= self.itemCount, "items \(items) of \(self.itemCount)")
    self.nodes[node].heardAt = now
    self.nodes[node].faultCount = 0
    let open = items.subtracting(self.recorded)
    for ordinal in open.ordinals {
      let count = self.failures[ordinal, default: 0] + 1
      self.failures[ordinal] = count
      if count >= self.attemptCountMax { self.exhausted.insert(ordinal..<ordinal + 1) }
    }
    if let held = self.nodes[node].held.first(where: { $0.lease.id == leaseID }) {
      let tried = held.lease.items.intersection(open)
      self.remove(tried, fromLeasesOf: node, at: now, leaseID: leaseID)
      self.release(tried, attempt: held.lease.attempt + 1, failedOn: node)
    }
    // Of a lease that was taken back: what waits for its last try may have had it now.
    let spent = open.intersection(self.exhausted)
    for index in self.free.indices {
      let waiting = spent.intersection(self.free[index].items)
      self.free[index].items.remove(waiting)
      self.abandoned.insert(waiting)
    }
    self.free.removeAll { $0.items.isEmpty }
  }

  private mutating func remove(
    _ items: OrdinalRangeSet, fromLeasesOf node: Int, at now: Instant, leaseID: UInt64? = nil
  ) {
    var index = 0
    while index < self.nodes[node].held.count {
      let id = self.nodes[node].held[index].lease.id
      guard leaseID == nil || leaseID == id,
        self.nodes[node].held[index].lease.items.remove(items) > 0,
        self.nodes[node].held[index].lease.items.isEmpty
      else {
        index += 1
        continue
      }
      self.adaptSize(of: node, to: self.nodes[node].held.remove(at: index), at: now)
      // The next one began when this one ended, not when it was given.
      if index < self.nodes[node].held.count { self.nodes[node].held[index].startedAt = now }
    }
  }

  private mutating func adaptSize(of node: Int, to ended: Held, at now: Instant) {
    let elapsed = max(ended.startedAt.duration(to: now), .milliseconds(1))
    let count = ended.count
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
