import Coordinator
import Fleet
import Health

/// A launch and what follows on a simulated cluster, in virtual time: the machines that `muster` and
/// its agents run, over simulated processes and links. Checkers are always on.
///
/// Everything is a value in one loop over timed events, so the same seed gives the same events.
final class ServiceWorld {
  struct Message {
    var replica: Int
    var epoch: Int
    var view: SimReplica.Machine.View
    var attempt: Int
  }

  let seed: UInt64
  /// Whether agents look ten times a second even where the machine says that nothing can come of it.
  let isLiteral: Bool
  var script: ServiceScript
  var queue = EventQueue()
  var now: Milliseconds = 0
  var replicas: [SimReplica] = []
  var agents: [SimAgent] = []
  var faults: [ServiceFault] = []
  var messages: [Message] = []
  var coordinator: SimCoordinator
  /// From then on nothing changes any more but what faults have left.
  var calmAt = Milliseconds.max
  private var isOver = false
  private(set) var eventCount = 0

  private(set) var violations: [String] = []
  /// Times from fault to word.
  private(set) var findings: [FaultKind: [Milliseconds]] = [:]
  /// Of all views that agents have posted, and when.
  private(set) var digest: UInt64 = 0

  init(seed: UInt64, nodeCount: Int, isLiteral: Bool = false) {
    let script = ServiceScript(seed: seed, nodeCount: nodeCount)
    self.seed = seed
    self.isLiteral = isLiteral
    self.script = script
    self.coordinator = SimCoordinator(script, nodeCount: nodeCount)
    self.agents = (0..<nodeCount).map { SimAgent(seed: seed << 32 + UInt64($0) &* 0x9E37_79B9 + 1) }
    for (index, replica) in script.replicas.enumerated() {
      self.replicas.append(
        SimReplica(
          replica, stopGraceSeconds: script.stopGraceSeconds,
          seed: seed << 40 + UInt64(index) &* 0xBF58_476D + 2))
      self.agents[replica.node].replicas.append(index)
    }
  }

  var instant: SimClock.Instant { SimClock.Instant(sinceStart: .milliseconds(self.now)) }

  /// Runs to the end.
  func run() {
    for node in self.agents.indices {
      let at = Int.random(in: 200...3000, using: &self.agents[node].random)
      self.queue.add(.attaches(node: node, epoch: 0), at: at)
    }
    self.add(self.script.launchFaults, from: 0)
    self.queue.add(.coordinatorTicks, at: 1000)
    self.queue.add(.ends, at: SimCoordinator.decisionBound)
    while !self.isOver, let (at, event) = self.queue.next() {
      self.now = at
      self.eventCount += 1
      self.handle(event)
    }
  }

  private func handle(_ event: ServiceEvent) {
    switch event {
    case .tick(let replica): self.tick(replica)
    case .lookAnswered(let replica, let number): self.lookAnswered(replica, number)
    case .canaryAnswered(let replica, let number): self.canaryAnswered(replica, number)
    case .canaryTimesOut(let replica, let number): self.canaryTimesOut(replica, number)
    case .logMark(let replica): self.logMark(replica)
    case .loaded(let replica): self.loaded(replica)
    case .activityEnds(let replica): self.activityEnds(replica)
    case .processEnds(let replica, let fate): self.processEnds(replica, fate)
    case .fault(let index): self.begin(self.faults[index], index)
    case .faultEnds(let index): self.end(self.faults[index])
    case .report(let index): self.arrived(index)
    case .order(let node, let epoch): self.ordered(node, epoch)
    case .linkLost(let node, let epoch): self.linkLost(node, epoch)
    case .attaches(let node, let epoch): self.attaches(node, epoch)
    case .coordinatorTicks: self.coordinatorTicks()
    case .ends: self.end()
    }
  }

  func add(_ faults: [(at: Milliseconds, fault: ServiceFault)], from start: Milliseconds) {
    for (at, fault) in faults {
      self.queue.add(.fault(self.faults.count), at: start + at)
      self.faults.append(fault)
    }
  }

  func violate(_ text: String) {
    self.violations.append("\(Double(self.now) / 1000) s: \(text)")
  }

  func note(_ replica: Int, _ phase: ReplicaPhase) {
    var mixed = SplitMix64(
      state: UInt64(self.now) << 32 ^ UInt64(replica) << 8 ^ UInt64(phase.rawValue.utf8.count)
        ^ UInt64(phase.rawValue.utf8.first ?? 0) << 52)
    self.digest &+= mixed.next()
  }

  // MARK: What is to be found

  func expect(
    _ kind: FaultKind, of index: Int, allowance: Milliseconds = 0
  ) {
    let replica = self.replicas[index]
    self.replicas[index].expectation = SimReplica.Expectation(
      kind: kind, at: self.now, lookDelay: replica.lookDelay - (replica.look?.delay ?? 0),
      paused: self.agents[replica.node].paused(at: self.now), allowance: allowance)
  }

  /// - Returns: The time since the fault in which the agent ran, and by how much that is too long.
  private func time(
    of expectation: SimReplica.Expectation, _ replica: SimReplica
  ) -> (passed: Milliseconds, excess: Milliseconds) {
    let paused = self.agents[replica.node].paused(at: self.now) - expectation.paused
    let passed = self.now - expectation.at - paused
    let allowance = replica.lookDelay - expectation.lookDelay + expectation.allowance
    return (passed, passed - expectation.kind.bound - allowance)
  }

  func found(_ index: Int) {
    guard let expectation = self.replicas[index].expectation else { return }
    let (passed, excess) = self.time(of: expectation, self.replicas[index])
    self.findings[expectation.kind, default: []].append(
      max(0, passed - expectation.allowance))
    let key = self.replicas[index].key
    if excess > 0 || self.now - expectation.at < expectation.allowance {
      self.violate("\(key): \(expectation.kind.rawValue), \(passed) ms after \(expectation.at)")
    }
    self.replicas[index].expectation = nil
  }

  /// It need not be found any more; but if its time is up, it should have been.
  func dropExpectation(of index: Int) {
    guard let expectation = self.replicas[index].expectation else { return }
    if self.time(of: expectation, self.replicas[index]).excess > 0 {
      let key = self.replicas[index].key
      self.violate("\(key): not found since \(expectation.at): \(expectation.kind.rawValue)")
    }
    self.replicas[index].expectation = nil
  }

  // MARK: The end

  private func end() {
    guard self.now >= self.coordinator.endsAt else { return }
    self.isOver = true
    switch self.coordinator.outcome {
    case .open: self.violate("the launch neither succeeded nor was aborted")
    case .aborted:
      for replica in self.replicas where replica.isStarted && !replica.machine.isOver {
        self.violate("\(replica.key) is \(replica.posted.phase) long after the launch was aborted")
      }
    case .succeeded: for index in self.replicas.indices { self.checkAtEnd(index) }
    }
    self.checkCoordinator()
    for replica in self.replicas where replica.isStarted && replica.told != replica.posted.phase {
      // Its word may be on its way.
      if self.agents[replica.node].sentAt >= self.now { continue }
      let told = String(describing: replica.told)
      self.violate("\(replica.key) is \(replica.posted.phase), and the coordinator knows \(told)")
    }
  }

  private func checkAtEnd(_ index: Int) {
    self.dropExpectation(of: index)
    let replica = self.replicas[index]
    if replica.attempt != 1 { self.violate("\(replica.key) was started \(replica.attempt) times") }
    if replica.fatalSince != nil {
      if replica.posted.phase != .failed {
        self.violate("\(replica.key) is \(replica.posted.phase) in the end, and cannot serve")
      }
    } else if !replica.isStopped, replica.posted.phase != .ready {
      let phase = replica.posted.phase
      self.violate("\(replica.key) is \(phase) in the end, and nothing is wrong with it")
    }
  }
}
