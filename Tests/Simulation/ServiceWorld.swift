import Coordinator
import Fleet
import Health
import Launch
import Plan

@testable import NodeAgent

/// A launch and what follows on a simulated cluster, in virtual time: the launcher, the supervisors and
/// the replicas' runs that `muster` and its agents link, over simulated processes and links. Checkers are
/// always on.
///
/// SAFETY: all of it happens on the thread of its ``SimWorld``, which counts what does not.
final class ServiceWorld: @unchecked Sendable {
  /// In a line of a log.
  static let progressMark = "Loading weights"

  /// What the coordinator knows and has decided.
  struct Coordinator {
    enum Outcome: Equatable {
      case open
      case succeeded
      case aborted(LaunchResult)
    }

    let host: SimHost
    var outcome = Outcome.open
    /// Nodes on which it says that something may be left.
    var leftBehind: Set<String> = []
  }

  /// A node: its agent, and the way to it.
  struct Agent {
    let host: SimHost
    let supervisor: Supervisor<SimGround>
    let replicas: [Int]
    let seed: UInt64
    var random: SplitMix64
    var link: SimAgentLink?
    /// Until then nobody can reach it.
    var cutUntil: Milliseconds = 0
  }

  let world: SimWorld
  let nodeNames: [String]
  /// Whether agents look ten times a second even where the machine says that nothing can come of it.
  let isLiteral: Bool
  var script: ServiceScript
  var replicas: [SimReplica] = []
  var agents: [Agent] = []
  var coordinator: Coordinator
  /// From then on nothing changes any more but what faults have left.
  var calmAt = Milliseconds.max

  private(set) var violations: [String] = []
  /// Times from fault to word.
  private(set) var findings: [FaultKind: [Milliseconds]] = [:]
  /// Of all that agents have shown, and when.
  private(set) var digest: UInt64 = 0

  init(seed: UInt64, nodeCount: Int, isLiteral: Bool = false) {
    let world = SimWorld(seed: seed)
    let script = ServiceScript(seed: seed, nodeCount: nodeCount)
    self.world = world
    self.isLiteral = isLiteral
    self.script = script
    self.nodeNames = (0..<nodeCount).map { "n\($0)" }
    self.coordinator = Coordinator(host: SimHost(in: world))
    for (index, replica) in script.replicas.enumerated() {
      self.replicas.append(
        SimReplica(replica, seed: seed << 40 + UInt64(index) &* 0xBF58_476D + 2))
    }
    for node in 0..<nodeCount {
      let indices = self.replicas.indices.filter { self.replicas[$0].node == node }
      let host = SimHost(in: world)
      let seed = seed << 32 + UInt64(node) &* 0x9E37_79B9 + 1
      self.agents.append(
        Agent(
          host: host, supervisor: self.supervisor(of: indices, on: host), replicas: indices,
          seed: seed, random: SplitMix64(state: seed)))
    }
  }

  private func supervisor(of indices: [Int], on host: SimHost) -> Supervisor<SimGround> {
    let world = self.world
    let keys = Dictionary(uniqueKeysWithValues: indices.map { (self.replicas[$0].key, $0) })
    let milliseconds: @Sendable () -> Int64 = { Int64(world.milliseconds) }
    return Supervisor(
      context: .init(
        wallClockMilliseconds: milliseconds, board: StatusBoard(),
        events: EventLog(path: "/dev/null", wallClockMilliseconds: milliseconds))
    ) { [unowned self] replica, _, _ in
      guard let index = keys[replica.key] else { preconditionFailure("\(replica.key)") }
      return SimGround(services: self, index: index, clock: SimHostClock(host: host))
    }
  }

  // MARK: Running

  var now: Milliseconds { self.world.milliseconds }

  func at(_ milliseconds: Milliseconds, _ body: @escaping @Sendable () -> Void) {
    self.world.at(.milliseconds(milliseconds), body)
  }

  func change(_ index: Int, _ change: (inout SimReplica, Milliseconds) -> Void) {
    change(&self.replicas[index], self.now)
  }

  /// Runs to the end.
  func run() -> SimWorld.Outcome {
    self.add(self.script.launchFaults, from: 0)
    let outcome = self.world.run(jobCountMax: .max) {
      await withTaskGroup(of: Void.self) { tasks in
        for agent in self.agents { tasks.addTask { await agent.supervisor.run() } }
        tasks.addTask { await self.coordinate() }
        await self.untilTheEnd()
        self.check()
        tasks.cancelAll()
      }
    }
    return outcome
  }

  func add(_ faults: [(at: Milliseconds, fault: ServiceFault)], from start: Milliseconds) {
    for (at, fault) in faults { self.at(start + at) { self.begin(fault) } }
  }

  func violate(_ text: String) {
    self.violations.append("\(Double(self.now) / 1000) s: \(text)")
  }

  /// Joins what an agent has shown to the digest, in whatever order within an instant.
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
      kind: kind, at: self.now, lookDelay: replica.lookDelay - replica.delayUnderWay,
      paused: self.agents[replica.node].host.paused(at: self.now), allowance: allowance)
  }

  /// - Returns: The time since the fault in which the agent ran, and by how much that is too long.
  private func time(
    of expectation: SimReplica.Expectation, _ replica: SimReplica
  ) -> (passed: Milliseconds, excess: Milliseconds) {
    let paused = self.agents[replica.node].host.paused(at: self.now) - expectation.paused
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

  /// Of a world that has come to its end.
  private func check() {
    switch self.coordinator.outcome {
    case .open: self.violate("the launch neither succeeded nor was aborted")
    case .aborted(let result): self.check(result)
    case .succeeded: for index in self.replicas.indices { self.checkAtEnd(index) }
    }
    for replica in self.replicas where replica.isStarted && replica.told != replica.posted.state {
      // Its word may be on its way, and an aborted launch hears of nobody any more.
      guard self.coordinator.outcome == .succeeded, let link = self.agents[replica.node].link,
        link.sentAt < self.now
      else { continue }
      let told = String(describing: replica.told)
      self.violate("\(replica.key) is \(replica.posted.state), and the coordinator knows \(told)")
    }
  }

  /// What was started is gone, or the coordinator has said on which nodes it may not be.
  private func check(_ result: LaunchResult) {
    for replica in self.replicas where replica.launchCount > 1 {
      self.violate("\(replica.key) was started \(replica.launchCount) times in one launch")
    }
    for replica in self.replicas where replica.isStarted && !replica.posted.state.isFinal {
      let node = self.nodeNames[replica.node]
      let state = replica.posted.state
      if result.isOver {
        self.violate("\(replica.key) is \(state), and the launch says that nothing is left")
      } else if !self.coordinator.leftBehind.contains(node) {
        self.violate("\(replica.key) is \(state) long after the launch was aborted")
      }
    }
  }

  private func checkAtEnd(_ index: Int) {
    self.dropExpectation(of: index)
    let replica = self.replicas[index]
    if replica.launchCount != 1 {
      self.violate("\(replica.key) was started \(replica.launchCount) times")
    }
    if replica.fatalSince != nil {
      if replica.posted.state != .failed {
        self.violate("\(replica.key) is \(replica.posted.state) in the end, and cannot serve")
      }
    } else if !replica.isStopped, replica.posted.state != .ready {
      let state = replica.posted.state
      self.violate("\(replica.key) is \(state) in the end, and nothing is wrong with it")
    }
  }
}
