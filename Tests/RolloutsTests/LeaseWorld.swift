@testable import Rollouts

/// Something that can happen to a ``LeaseWorld``.
enum LeaseEvent: Hashable, CustomStringConvertible {
  /// A stream opens: the leases that stand come again.
  case connected(Int)
  /// The node asks, and is given a lease or the half of another's.
  case lease(Int)
  /// The node does one item and tells.
  case progress(Int)
  /// What the node did first is stored; it hears of that.
  case stored(Int)
  /// The same, but the acknowledgement is lost: it will come again.
  case storedUnheard(Int)
  case disconnected(Int)
  /// The time of a lease passes; nodes that are connected are heard.
  case timePassed
  /// The time of a lease passes, and nobody is heard.
  case silencePassed

  static func all(nodeCount: Int) -> [Self] {
    (0..<nodeCount).flatMap { node -> [Self] in
      [
        .connected(node), .lease(node), .progress(node), .stored(node), .storedUnheard(node),
        .disconnected(node),
      ]
    } + [.timePassed, .silencePassed]
  }

  var description: String {
    switch self {
    case .connected(let node): "connected \(node)"
    case .lease(let node): "lease \(node)"
    case .progress(let node): "progress \(node)"
    case .stored(let node): "stored \(node)"
    case .storedUnheard(let node): "storedUnheard \(node)"
    case .disconnected(let node): "disconnected \(node)"
    case .timePassed: "timePassed"
    case .silencePassed: "silencePassed"
    }
  }
}

/// A lease machine with nodes that have real queues: what each knows of its leases may be out of date.
struct LeaseWorld {
  private struct Node {
    var isConnected = false
    var queue = LeaseQueue()
    /// Done and not acknowledged, oldest first.
    var done: [LeaseQueue.Slice] = []
    /// Cuts on their way: they arrive after the next item.
    var cuts: [(leaseID: UInt64, end: UInt64)] = []
  }

  private(set) var machine: LeaseMachine<ContinuousClock.Instant>
  private var now: ContinuousClock.Instant
  private let settings: LeaseSettings
  private var nodes: [Node]
  private var recorded: Set<UInt64> = []
  /// The highest attempt an item was leased with.
  private var attempts: [UInt64: UInt32] = [:]
  private var leaseIDLast: UInt64 = 0
  /// What is wrong; empty: nothing.
  private(set) var fault = ""
  private(set) var cutCount = 0

  /// - Parameter spooled: What the last node did for an earlier coordinator, and still holds.
  init(
    itemCount: UInt64, nodeCount: Int, spooled: Range<UInt64>, at start: ContinuousClock.Instant
  ) {
    var settings = LeaseSettings()
    settings.firstCount = itemCount
    settings.outstandingMax = 2
    self.settings = settings
    self.now = start
    self.machine = LeaseMachine(
      itemCount: itemCount, nodeCount: nodeCount, leaseIDFirst: 1, settings: settings, at: start)
    self.nodes = Array(repeating: Node(), count: nodeCount)
    guard !spooled.isEmpty else { return }
    self.nodes[nodeCount - 1].done = [LeaseQueue.Slice(leaseID: 0, attempt: 1, items: spooled)]
  }

  // MARK: Events

  /// - Returns: False where the event cannot happen, or changes nothing.
  mutating func apply(_ event: LeaseEvent) -> Bool {
    switch event {
    case .connected(let node): return self.connect(node)
    case .lease(let node): return self.nodes[node].isConnected && self.order(for: node)
    case .progress(let node): return self.work(node)
    case .stored(let node): return self.store(node, isHeard: true)
    case .storedUnheard(let node): return self.store(node, isHeard: false)
    case .disconnected(let node):
      guard self.nodes[node].isConnected else { return false }
      self.nodes[node].isConnected = false
      return true
    case .timePassed: return self.pass(hearing: true)
    case .silencePassed: return self.pass(hearing: false)
    }
  }

  private mutating func connect(_ node: Int) -> Bool {
    guard !self.nodes[node].isConnected else { return false }
    self.nodes[node].isConnected = true
    self.nodes[node].cuts.removeAll()
    self.nodes[node].queue.removeAll()
    for lease in self.machine.leases(of: node) { self.give(lease, to: node) }
    return true
  }

  private mutating func give(_ lease: Lease, to node: Int) {
    let held = OrdinalRangeSet(self.nodes[node].done.map(\.items))
    if !self.nodes[node].queue.leased(lease, holding: held) { self.fail("a queue overflowed") }
  }

  /// As the dispatcher does: a lease, or else a cut and a lease.
  private mutating func order(for node: Int) -> Bool {
    switch self.machine.leaseAsked(by: node, at: self.now) {
    case .lease(let lease): self.leased(lease, to: node)
    case .finished:
      if self.recorded.count < Int(self.machine.itemCount) { self.fail("finished too early") }
      return false
    case .none:
      switch self.machine.idled(node: node, at: self.now) {
      case .none: return false
      case .cut(let other, let leaseID, let end):
        self.cutCount += 1
        if other == node { self.fail("a node was cut for itself") }
        self.nodes[other].cuts.append((leaseID, end))
        guard case .lease(let lease) = self.machine.leaseAsked(by: node, at: self.now) else {
          self.fail("a cut freed nothing")
          return true
        }
        self.leased(lease, to: node)
      }
    }
    return true
  }

  private mutating func leased(_ lease: Lease, to node: Int) {
    if lease.id <= self.leaseIDLast { self.fail("lease \(lease.id) was given before") }
    self.leaseIDLast = lease.id
    if lease.items.isEmpty { self.fail("an empty lease") }
    for item in lease.items.ordinals {
      if self.recorded.contains(item) { self.fail("item \(item) is recorded, and leased") }
      if lease.attempt <= self.attempts[item] ?? 0 { self.fail("attempt \(lease.attempt) again") }
      self.attempts[item] = lease.attempt
    }
    self.give(lease, to: node)
  }

  private mutating func work(_ node: Int) -> Bool {
    guard let slice = self.nodes[node].queue.take(countMax: 1) else { return false }
    self.nodes[node].done.append(slice)
    self.now += .milliseconds(100)
    guard self.nodes[node].isConnected else { return true }
    let next = self.nodes[node].queue.next
    self.machine.progressed(
      LeaseProgress(leaseID: next?.leaseID ?? 0, next: next?.item ?? 0), of: node, at: self.now)
    for cut in self.nodes[node].cuts {
      self.nodes[node].queue.cut(leaseID: cut.leaseID, end: cut.end)
    }
    self.nodes[node].cuts.removeAll()
    return true
  }

  private mutating func store(_ node: Int, isHeard: Bool) -> Bool {
    guard self.nodes[node].isConnected, let batch = self.nodes[node].done.first else {
      return false
    }
    let added = UInt64(batch.items.count { !self.recorded.contains($0) })
    // A redelivery that is not heard either changes nothing.
    if added == 0, !isHeard { return false }
    self.recorded.formUnion(batch.items)
    let isLast = self.recorded.count == Int(self.machine.itemCount)
    let count = self.machine.recorded([batch.items], by: node, at: self.now)
    if count != added { self.fail("added \(count), not \(added)") }
    if self.machine.isFinished != isLast { self.fail("finished without the last, or not with it") }
    if isHeard { self.nodes[node].done.removeFirst() }
    return true
  }

  private mutating func pass(hearing isHearing: Bool) -> Bool {
    self.now += self.settings.timeout
    var expected: [Int] = []
    for node in self.nodes.indices {
      if isHearing, self.nodes[node].isConnected {
        self.machine.heard(from: node, at: self.now)
      } else if !self.machine.leases(of: node).isEmpty {
        expected.append(node)
      }
    }
    let silent = self.machine.ticked(at: self.now)
    if silent != expected { self.fail("silent: \(silent), should be \(expected)") }
    return !silent.isEmpty
  }

  private mutating func fail(_ text: String) {
    if self.fault.isEmpty { self.fault = text }
  }

  // MARK: What must hold

  mutating func check() {
    var owners = [Int](repeating: 0, count: Int(self.machine.itemCount))
    for part in self.machine.free { for item in part.items.ordinals { owners[Int(item)] += 1 } }
    for node in self.nodes.indices {
      let leases = self.machine.leases(of: node)
      if leases.count > self.settings.outstandingMax { self.fail("\(leases.count) leases") }
      for lease in leases {
        let done = lease.items.ordinals.filter { self.recorded.contains($0) }
        if !done.isEmpty { self.fail("lease \(lease.id) has \(done), which are recorded") }
        if lease.items.isEmpty { self.fail("lease \(lease.id) has no items, and stands") }
        for item in lease.items.ordinals { owners[Int(item)] += 1 }
      }
    }
    for (item, count) in owners.enumerated() {
      let isRecorded = self.recorded.contains(UInt64(item))
      if count > 1 { self.fail("item \(item) has \(count) owners") }
      if count == 0, !isRecorded { self.fail("item \(item) is lost") }
      if isRecorded
        != self.machine.recorded.contains([UInt64(item)..<UInt64(item) + 1] as OrdinalRangeSet)
      {
        self.fail("records differ")
      }
    }
    if self.machine.isFinished != (self.recorded.count == owners.count) { self.fail("finished?") }
    let brought = self.nodes.indices.reduce(0) { $0 + self.machine.recordedCount(of: $1) }
    if brought != UInt64(self.recorded.count) { self.fail("\(brought) were brought") }
  }

  /// One node alone ends the work, whatever was before; the others are gone for good.
  mutating func finish(with node: Int) {
    for other in self.nodes.indices where other != node { _ = self.apply(.disconnected(other)) }
    _ = self.apply(.disconnected(node))
    _ = self.apply(.connected(node))
    _ = self.apply(.timePassed)
    for _ in 0..<3 * Int(self.machine.itemCount) where !self.machine.isFinished {
      _ = self.apply(.lease(node))
      while self.apply(.progress(node)) {}
      while self.apply(.stored(node)) {}
    }
    self.check()
    if !self.machine.isFinished { self.fail("node \(node) cannot end it") }
    // Whatever the others still bring comes too late, and does no harm.
    for other in self.nodes.indices {
      _ = self.apply(.connected(other))
      while self.apply(.stored(other)) {}
    }
    self.check()
  }
}
