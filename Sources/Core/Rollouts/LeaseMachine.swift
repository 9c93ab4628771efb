/// Decides which node works on which items, from what has been recorded, what failed and who was heard
/// when.
///
/// A lease is extended by whatever its node says, ends when all its items are recorded or have failed,
/// is cut when others idle, and is taken back when its node is silent or cannot go on; what is left is
/// leased again with a higher attempt. So is what failed, to another node where there is one.
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

  package enum CutAction: Equatable, Sendable {
    /// Tell the node that its lease ends earlier.
    case cut(node: Int, leaseID: UInt64, end: UInt64)
    case none
  }

  package let itemCount: UInt64
  /// The first id this machine gives; ids below it are those of earlier coordinators.
  package let leaseIDFirst: UInt64
  package private(set) var leaseIDNext: UInt64
  package private(set) var recorded: OrdinalRangeSet
  /// Items that failed too often, and have no result.
  package private(set) var abandoned = OrdinalRangeSet()
  private let settings: LeaseSettings
  private let attemptCountMax: UInt32
  /// How often items failed.
  private var failures: [UInt64: UInt32]
  /// Those of them that failed too often.
  private var exhausted: OrdinalRangeSet
  /// Taken from the front; what comes back goes there, so that what was tried first ends first.
  private(set) var free: [Free] = []
  private var nodes: [Node]

  /// - Parameters:
  ///   - itemCount: 1 to 2^40.
  ///   - attemptCountMax: Failures after which an item is given up, at least 1.
  ///   - nodeCount: 1 to 4,096; nodes are then named by their index.
  ///   - history: What earlier coordinators of this work have on disk; all below `itemCount`.
  ///   - leased: What they leased to each node; none: nothing is known of that.
  ///   - leaseIDFirst: Above all ids that earlier coordinators of this work gave.
  package init(
    itemCount: UInt64, attemptCountMax: UInt32 = 3, nodeCount: Int,
    history: WorkHistory = WorkHistory(), leased: [LeasedItems] = [], leaseIDFirst: UInt64,
    settings: LeaseSettings, at now: Instant
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
    self.nodes = (0..<nodeCount).map { node in
      Node(
        leased: node < leased.count ? leased[node] : LeasedItems(), heardAt: now,
        leaseCount: settings.firstCount)
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

  /// The items that a batch may have from this node: those of its lease, with its attempt; once that is
  /// over, what it was leased with that attempt. `nil`: the batch is of an earlier coordinator's lease,
  /// which this node had not, as far as is known: it is not stored, and no fault.
  package func deliverable(_ batch: BatchHeader, by node: Int) -> OrdinalRangeSet? {
    let leased = self.nodes[node].leased[batch.attempt]
    if batch.leaseID < self.leaseIDFirst { return leased.contains(batch.items) ? leased : nil }
    guard batch.leaseID < self.leaseIDNext else { return [] }
    guard let held = self.nodes[node].held.first(where: { $0.lease.id == batch.leaseID }) else {
      return leased
    }
    return held.lease.attempt == batch.attempt ? held.given : []
  }

  /// Whether a batch is to be stored. Failures of leases that earlier coordinators gave are not: this
  /// one has their items tried again.
  package func counts(_ batch: BatchHeader, by node: Int) -> Bool {
    batch.leaseID >= self.leaseIDFirst
      || batch.kind == .result && self.deliverable(batch, by: node) != nil
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
    let attempt = self.free[place].attempt
    let items = self.free[place].items.takeFirst(
      self.share(of: self.nodes[node]), rangeCountMax: Lease.maximumRangeCount)
    if self.free[place].items.isEmpty { self.free.remove(at: place) }
    let lease = Lease(id: self.leaseIDNext, items: items, attempt: attempt)
    self.leaseIDNext += 1
    if self.nodes[node].held.isEmpty { self.nodes[node].heardAt = now }
    self.nodes[node].leased.add(lease)
    self.nodes[node].held.append(
      Held(
        lease: lease, given: lease.items, count: lease.items.count, startedAt: now,
        next: lease.items.span.lowerBound))
    return .lease(lease)
  }

  private func canTake(_ node: Node, at now: Instant) -> Bool {
    guard node.takesWork(at: now), node.held.count < self.settings.heldMax else { return false }
    // Twice: what is under way, and as much that waits behind it.
    return node.held.count < self.settings.outstandingMax
      || node.concurrency > 1
        && node.held.reduce(0) { $0 + $1.lease.items.count } < 2 * node.concurrency
  }

  /// What is free and may be given to this node: not what failed here last, while there is another that
  /// will take work.
  private func freePlace(for node: Int, at now: Instant) -> Int? {
    self.free.firstIndex { free in
      free.failedOn != node
        || !self.nodes.indices.contains {
          $0 != node && self.nodes[$0].takesWork(at: now)
            && self.nodes[$0].heardAt.duration(to: now) < self.settings.timeout
        }
    }
  }

  /// Its size by its rate, and enough for all that can be under way; but never more than an even share
  /// of half of what is free: towards the end leases become small, so that nodes end together.
  private func share(of node: Node) -> UInt64 {
    let free = self.free.reduce(0) { $0 + $1.items.count }
    let active = UInt64(max(1, self.nodes.count { !$0.isGivenUp }))
    let wanted = max(node.leaseCount, node.concurrency)
    return max(1, min(wanted, self.settings.countMax, free / (2 * active)))
  }

  /// Items are nobody's any more: free, or given up where they failed too often.
  private mutating func release(_ items: OrdinalRangeSet, attempt: UInt32, failedOn: Int? = nil) {
    self.abandoned.insert(items.intersection(self.exhausted))
    let left = items.subtracting(self.exhausted)
    guard !left.isEmpty else { return }
    if let place = self.free.firstIndex(where: { $0.attempt == attempt && $0.failedOn == failedOn })
    {
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
    let place = self.nodes[node].held.firstIndex { $0.lease.id == progress.leaseID }
    // A lease that has been taken back or is done: the report crossed with that.
    if place == nil, progress.leaseID > 0 { return }
    // Leases are worked off in their order; where nothing waits, all that is left is under way.
    for index in self.nodes[node].held.indices {
      let span = self.nodes[node].held[index].given.span
      let isBegun = index < place ?? .max
      self.nodes[node].held[index].next =
        index == place ? progress.next : isBegun ? span.upperBound : span.lowerBound
    }
  }

  /// Results that a node brought are on the coordinator's disk.
  ///
  /// - Parameter items: Below ``itemCount``; of whichever lease.
  /// - Returns: How many are new; none: a redelivery, or a lease that was given away.
  @discardableResult
  package mutating func recorded(_ items: OrdinalRangeSet, by node: Int, at now: Instant)
    -> UInt64
  {
    precondition(items.span.upperBound <= self.itemCount, "items \(items) of \(self.itemCount)")
    self.nodes[node].heardAt = now
    let added = self.recorded.insert(items)
    if added == 0 { return 0 }
    self.nodes[node].recordedCount += added
    self.nodes[node].faultCount = 0
    self.abandoned.remove(items)
    for index in self.free.indices { self.free[index].items.remove(items) }
    self.free.removeAll { $0.items.isEmpty }
    // Mostly the node's own; another's when this one had been taken for lost.
    for index in self.nodes.indices { self.remove(items, fromLeasesOf: index, at: now) }
    return added
  }

  /// Failure records that a node brought are on the coordinator's disk, for the first time.
  ///
  /// - Parameter leaseID: Of the lease under which they were tried.
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
    let rate = Double(ended.count) / (elapsed / .seconds(1))
    let before = self.nodes[node].rate
    self.nodes[node].rate = before == 0 ? rate : 0.7 * before + 0.3 * rate
    let wanted = rate * (self.settings.duration / .seconds(1))
    // By a factor of four at most: one lease's time is a rough measure.
    let size = max(Double(ended.count / 4), min(wanted, 4 * Double(ended.count)))
    self.nodes[node].leaseCount = max(1, UInt64(min(Double(self.settings.countMax), size)))
  }

  // MARK: Taking back

  /// Time has passed: takes back the leases of nodes that have been silent for too long.
  ///
  /// - Returns: Those nodes, in order.
  package mutating func ticked(at now: Instant) -> [Int] {
    let silent = self.nodes.indices.filter { index in
      !self.nodes[index].held.isEmpty
        && self.nodes[index].heardAt.duration(to: now) >= self.settings.timeout
    }
    for index in silent { self.takeBack(from: index) }
    return silent
  }

  /// A node says that it cannot go on: its items are free again.
  ///
  /// - Returns: Whether it gets new ones after a pause; else it has had its chances.
  package mutating func faulted(node: Int, at now: Instant) -> Bool {
    self.nodes[node].heardAt = now
    self.takeBack(from: node)
    self.nodes[node].faultCount += 1
    if self.nodes[node].faultCount >= self.settings.faultCountMax {
      self.nodes[node].isGivenUp = true
    }
    self.nodes[node].pausedUntil = now.advanced(by: self.settings.faultPause)
    return !self.nodes[node].isGivenUp
  }

  /// Results that a node brought are not stored, and it does not keep them any more: what it left out of
  /// its leases, because it had them, is free.
  package mutating func dropped(_ items: OrdinalRangeSet, by node: Int, at now: Instant) {
    for held in self.nodes[node].held {
      let left = held.lease.items.intersection(items)
      self.remove(left, fromLeasesOf: node, at: now, leaseID: held.lease.id)
      self.release(left, attempt: held.lease.attempt + 1)
    }
  }

  /// A node gets nothing any more: what it sends is wrong.
  package mutating func cutOff(node: Int) {
    self.takeBack(from: node)
    self.nodes[node].isGivenUp = true
  }

  /// A node could work and has nothing, and nothing is free for it: cuts the lease that will end last,
  /// so that its second half is free.
  package mutating func idled(node: Int, at now: Instant) -> CutAction {
    guard self.nodes[node].held.isEmpty, self.nodes[node].takesWork(at: now),
      self.freePlace(for: node, at: now) == nil, let (other, place) = self.longest(except: node)
    else { return .none }
    let held = self.nodes[other].held[place]
    var freed = held.waiting
    _ = freed.takeFirst((freed.count + 1) / 2, rangeCountMax: .max)
    self.nodes[other].held[place].lease.items.remove(freed)
    self.nodes[other].held[place].count -= freed.count
    self.release(freed, attempt: held.lease.attempt + 1)
    return .cut(node: other, leaseID: held.lease.id, end: freed.span.lowerBound)
  }

  /// The lease with the most time to go of those of which at least two items are not begun.
  private func longest(except idle: Int) -> (node: Int, place: Int)? {
    let leases = self.nodes.indices.lazy.filter { $0 != idle }.flatMap { node in
      self.nodes[node].held.enumerated().compactMap {
        (place, held) -> (node: Int, place: Int, time: Double)? in
        let left = held.waiting.count
        // A lease that waits behind others ends later still.
        let time = Double(left) * Double(place + 1) / max(self.nodes[node].rate, 0.001)
        return left >= 2 ? (node, place, time) : nil
      }
    }
    return leases.max { $0.time < $1.time }.map { ($0.node, $0.place) }
  }

  private mutating func takeBack(from node: Int) {
    while let held = self.nodes[node].held.popLast() {
      self.release(held.lease.items, attempt: held.lease.attempt + 1)
    }
  }
}
