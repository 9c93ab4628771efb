import Coordinator
import Fleet
import Health
import Launch
import Plan
import Recipes

/// What the coordinator of a ``ServiceWorld`` knows and wants.
struct SimCoordinator {
  typealias Machine = LaunchMachine<SimClock.Instant>

  enum Outcome: Equatable {
    case open
    case succeeded
    case aborted
  }

  enum Input {
    case report(Int)
    case attached(node: Int, epoch: Int)
    case lost(node: Int, epoch: Int)
  }

  /// After so long without an answer a link is given up: ping and its timeout.
  static let keepaliveTime: Milliseconds = 15_000
  /// By then every launch has ended, one way or the other.
  static let decisionBound: Milliseconds = 700_000

  let nodeNames: [String]
  var machine: Machine
  /// Services that have been started, in order.
  var services: [String] = []
  var isStopAsked = false
  var outcome = Outcome.open
  var endsAt = Self.decisionBound
  /// While later than now it does not run.
  var stalledUntil: Milliseconds = 0
  /// What has come meanwhile.
  var inbox: [Input] = []

  init(_ script: ServiceScript, nodeCount: Int) {
    let names = (0..<nodeCount).map { "n\($0)" }
    self.nodeNames = names
    var services: [Plan.Service] = []
    for name in ["policy", "judge"] {
      let replicas = script.replicas.filter { $0.service == name }.map { replica in
        Plan.Replica(
          index: replica.index, node: names[replica.node],
          launch: LaunchSpecification(
            argv: ["vllm"], readyTimeoutSeconds: ServiceScript.readyTimeout / 1000,
            stopGraceSeconds: script.stopGraceSeconds))
      }
      guard !replicas.isEmpty else { continue }
      services.append(
        Plan.Service(
          name: name, recipe: "vllm", after: name == "judge" ? ["policy"] : [], replicas: replicas))
    }
    // As `up` has them.
    self.machine = Machine(
      plan: Plan(
        name: "simulation", nodes: names.map { Plan.Node(name: $0, link: .local) },
        services: services),
      settings: .init(attachTimeout: .seconds(60), reportGrace: .seconds(30)),
      now: SimClock.Instant(sinceStart: .zero))
  }
}

/// The coordinator's loop, as `ServiceLauncher` has it, and the links to the nodes.
extension ServiceWorld {
  var isStalled: Bool { self.coordinator.stalledUntil > self.now }

  func coordinatorTicks() {
    guard self.coordinator.outcome == .open, !self.isStalled else { return }
    self.act(on: self.coordinator.machine.ticked(at: self.instant))
    self.queue.add(.coordinatorTicks, at: self.now + 1000)
  }

  /// It runs again: its clock and what has come are read in any order.
  func resumeCoordinator(after stall: Milliseconds) {
    guard !self.isStalled else { return }
    let ticksFirst = stall % 2 == 0
    if ticksFirst { self.coordinatorTicks() }
    let inbox = self.coordinator.inbox
    self.coordinator.inbox = []
    for input in inbox { self.take(input) }
    if !ticksFirst { self.coordinatorTicks() }
    // Its own timers go off before it reads what the nodes answered.
    guard stall >= SimCoordinator.keepaliveTime, stall % 3 == 0 else { return }
    for node in self.agents.indices where self.agents[node].hasLink {
      self.agents[node].epoch += 1
      self.agents[node].hasLink = false
      self.linkLost(node, self.agents[node].epoch)
      let pause = Int.random(in: 1000...1500, using: &self.agents[node].random)
      self.queue.add(
        .attaches(node: node, epoch: self.agents[node].epoch), at: self.now + pause)
    }
  }

  private func take(_ input: SimCoordinator.Input) {
    switch input {
    case .report(let index): self.hear(index)
    case .attached(let node, let epoch): self.attaches(node, epoch)
    case .lost(let node, let epoch): self.linkLost(node, epoch)
    }
  }

  private func act(on actions: [SimCoordinator.Machine.Action]) {
    for action in actions { self.act(on: action) }
  }

  private func act(on action: SimCoordinator.Machine.Action) {
    switch action {
    case .end, .giveOrders: break
    case .tell(.starting(let services)):
      self.coordinator.services += services
      for node in self.agents.indices { self.sendOrder(to: node) }
    case .tell(.succeeded):
      self.coordinator.outcome = .succeeded
      if self.script.hasFatalFate { self.violate("a launch succeeded that cannot") }
      self.calmAt = self.now + ServiceScript.calmAfter
      self.add(self.script.drawServingFaults(), from: self.now)
      self.end(at: self.now + ServiceScript.endAfter)
    case .tell(.aborted(let diagnostics)):
      self.coordinator.outcome = .aborted
      self.check(diagnostics)
      self.coordinator.isStopAsked = true
      for node in self.agents.indices { self.sendOrder(to: node) }
      // All links have healed, and all grace is over.
      self.end(at: max(self.now, 150_000) + 100_000)
    case .tell: break
    }
  }

  private func end(at milliseconds: Milliseconds) {
    self.coordinator.endsAt = milliseconds
    self.queue.add(.ends, at: milliseconds)
  }

  /// Whether an abort names who is to blame.
  private func check(_ diagnostics: [Diagnostic]) {
    let faulty = self.replicas.filter { $0.fatalSince != nil }.map { "`\($0.key)` is" }
    for diagnostic in diagnostics {
      let isFailure = diagnostic.code == "replica-failed"
      let words = isFailure ? [diagnostic.summary] : diagnostic.causes
      if !words.contains(where: { word in faulty.contains { word.contains($0) } }) {
        self.violate("aborted without reason: \(diagnostic.summary) \(diagnostic.causes.prefix(3))")
      }
    }
  }

  /// Whether the coordinator's view is what it was told last.
  func checkCoordinator() {
    var known: [ReplicaKey: ReplicaPhase] = [:]
    for report in self.coordinator.machine.latestReports { known[report.key] = report.state }
    for replica in self.replicas where known[replica.key] != replica.told {
      self.violate(
        "\(replica.key) was \(String(describing: replica.told)), and is now "
          + "\(String(describing: known[replica.key])) without word")
    }
  }

  // MARK: Links

  func attaches(_ node: Int, _ epoch: Int) {
    guard self.agents[node].epoch == epoch, !self.agents[node].hasLink else { return }
    let agent = self.agents[node]
    let earliest = max(agent.cutUntil, agent.pausedUntil)
    if earliest > self.now {
      return self.queue.add(.attaches(node: node, epoch: epoch), at: earliest + 500)
    }
    if self.isStalled {
      return self.coordinator.inbox.append(.attached(node: node, epoch: epoch))
    }
    self.agents[node].hasLink = true
    let name = self.coordinator.nodeNames[node]
    self.act(on: self.coordinator.machine.attached(name, runsReplicas: false, at: self.instant))
    for index in agent.replicas where self.replicas[index].isStarted { self.send(index) }
    self.sendOrder(to: node)
  }

  func linkLost(_ node: Int, _ epoch: Int) {
    guard self.agents[node].epoch == epoch else { return }
    if self.isStalled { return self.coordinator.inbox.append(.lost(node: node, epoch: epoch)) }
    let fault = NodeFault(
      node: self.coordinator.nodeNames[node], kind: .unreachable,
      Diagnostic(code: "link-lost", "the link broke"))
    self.act(on: self.coordinator.machine.faulted(fault, at: self.instant))
    if self.agents.count <= 64 { self.checkCoordinator() }
  }

  /// What an agent says now.
  func send(_ index: Int) {
    let replica = self.replicas[index]
    let agent = self.agents[replica.node]
    guard agent.hasLink else { return }
    let at = self.agents[replica.node].arrival(of: self.now, delayMax: self.script.delayMax)
    self.queue.add(.report(self.messages.count), at: at)
    self.messages.append(
      Message(
        replica: index, epoch: agent.epoch, view: replica.posted, attempt: replica.attempt))
  }

  func arrived(_ index: Int) {
    let message = self.messages[index]
    let agent = self.agents[self.replicas[message.replica].node]
    guard message.epoch == agent.epoch else { return }
    if agent.holdUntil > self.now {
      return self.queue.add(.report(index), at: agent.holdUntil + 1)
    }
    if self.isStalled { return self.coordinator.inbox.append(.report(index)) }
    self.hear(index)
  }

  private func hear(_ index: Int) {
    let message = self.messages[index]
    let replica = self.replicas[message.replica]
    var report = ReplicaReport(
      node: self.coordinator.nodeNames[replica.node], key: replica.key,
      state: message.view.phase, reason: message.view.reason)
    report.attempt = message.attempt
    self.replicas[message.replica].told = message.view.phase
    self.act(on: self.coordinator.machine.reported(report, at: self.instant))
  }

  private func sendOrder(to node: Int) {
    guard self.agents[node].hasLink, !self.coordinator.services.isEmpty else { return }
    let at = self.agents[node].arrival(of: self.now, delayMax: self.script.delayMax)
    self.queue.add(.order(node: node, epoch: self.agents[node].epoch), at: at)
  }

  /// The node hears what is wanted: all of it, each time.
  func ordered(_ node: Int, _ epoch: Int) {
    let agent = self.agents[node]
    guard agent.epoch == epoch else { return }
    let earliest = max(agent.holdUntil, agent.pausedUntil)
    if earliest > self.now {
      return self.queue.add(.order(node: node, epoch: epoch), at: earliest + 1)
    }
    for index in agent.replicas {
      let isStarted = self.replicas[index].isStarted
      if self.coordinator.isStopAsked {
        if isStarted, !self.replicas[index].machine.isOver { self.stop(index) }
      } else if !isStarted, self.coordinator.services.contains(self.replicas[index].key.service) {
        self.start(index)
      }
    }
  }
}
