@testable import Coordinator
import Fleet
import Health
import Launch
import Links
import Plan
import Recipes
import Testing

/// Transcripts of launches: what happens, and what is decided.
struct LaunchMachineTests {
  typealias Machine = LaunchMachine<ContinuousClock.Instant>

  static let start = ContinuousClock.now
  static let epoch: UInt64 = 7

  /// Two nodes; `base` on both, `top` after it on the first.
  static let plan = Plan(
    name: "test",
    nodes: [Plan.Node(name: "n1", link: .local), Plan.Node(name: "n2", link: .local)],
    services: [
      Plan.Service(
        name: "base", recipe: "command",
        replicas: [
          Plan.Replica(index: 0, node: "n1", launch: LaunchSpecification(argv: ["a"])),
          Plan.Replica(index: 1, node: "n2", launch: LaunchSpecification(argv: ["a"])),
        ]),
      Plan.Service(
        name: "top", recipe: "command", after: ["base"],
        replicas: [
          Plan.Replica(
            index: 0, node: "n1",
            launch: LaunchSpecification(argv: ["b"], readyTimeoutSeconds: 10, isTask: true))
        ]),
    ])

  static func machine() -> Machine {
    Machine(
      plan: Self.plan, epoch: Self.epoch,
      settings: .init(attachTimeout: .seconds(20), reportGrace: .seconds(5)), now: Self.start)
  }

  static func report(
    _ node: String, _ service: String, _ index: Int, _ state: ReplicaPhase, reason: String = "",
    by epoch: UInt64? = Self.epoch
  ) -> ReplicaReport {
    var report = ReplicaReport(
      node: node, key: ReplicaKey(service: service, index: index), state: state, reason: reason)
    report.startedBy = epoch
    return report
  }

  /// Lets time pass as the launcher does, in ticks of a second.
  ///
  /// - Returns: What the first tick that led to anything led to.
  static func pass(
    _ machine: inout Machine, from first: Int = 0, to last: Int
  ) -> [Machine.Action] {
    var actions: [Machine.Action] = []
    for second in first...last {
      actions = machine.ticked(at: Self.second(second))
      if !actions.isEmpty { break }
    }
    return actions
  }

  static func second(_ second: Int) -> ContinuousClock.Instant {
    Self.start.advanced(by: .seconds(second))
  }

  static func attach(
    _ machine: inout Machine, _ node: String, at second: Int = 0
  ) -> [Machine.Action] {
    machine.attached(node, at: Self.second(second))
  }

  static func report(_ machine: inout Machine, _ report: ReplicaReport) -> [Machine.Action] {
    machine.reported(report, at: Self.start)
  }

  /// A machine whose two nodes have attached, so that `base` has been started.
  static func started() -> Machine {
    var machine = Self.machine()
    _ = Self.attach(&machine, "n1")
    _ = Self.attach(&machine, "n2")
    return machine
  }

  static func starting(_ services: String...) -> [Machine.Action] {
    [.tell(.starting(services: services)), .giveOrders]
  }

  static let succeeded: [Machine.Action] = [.tell(.succeeded), .end(LaunchResult())]

  static func aborted(_ reasons: Diagnostic...) -> [Machine.Action] {
    [.tell(.aborted(reasons)), .giveOrders]
  }

  @Test func `nothing starts before every node has attached`() {
    var machine = Self.machine()
    #expect(Self.attach(&machine, "n1") == [])
    #expect(machine.order(of: "n1").services == [])
    #expect(Self.attach(&machine, "n2") == Self.starting("base"))
    #expect(machine.order(of: "n1").services == ["base"])
  }

  @Test func `a service starts when those before it are ready on every node`() {
    var machine = Self.started()
    #expect(Self.report(&machine, Self.report("n1", "base", 0, .ready)) == [])
    #expect(Self.report(&machine, Self.report("n2", "base", 1, .loading)) == [])
    #expect(
      Self.report(&machine, Self.report("n2", "base", 1, .ready)) == Self.starting("top"))
    #expect(machine.order(of: "n1").services == ["base", "top"])
    #expect(Self.report(&machine, Self.report("n1", "top", 0, .ready)) == Self.succeeded)
  }

  @Test func `a task that ended well counts as ready, and any other end does not`() {
    var machine = Self.started()
    _ = Self.report(&machine, Self.report("n1", "base", 0, .ready))
    _ = Self.report(&machine, Self.report("n2", "base", 1, .ready))
    _ = Self.report(&machine, Self.report("n1", "top", 0, .starting))
    var report = Self.report("n1", "top", 0, .stopped)
    report.end = .exited(status: 0)
    var other = machine
    #expect(Self.report(&machine, report) == Self.succeeded)
    report.end = .exited(status: 3)
    guard case .tell(.aborted) = Self.report(&other, report).first else {
      Issue.record("a task that ended with 3 must end the launch")
      return
    }
  }

  @Test func `a failed replica ends the launch with its node, reason and last lines`() {
    var machine = Self.started()
    var report = Self.report("n2", "base", 1, .failed, reason: "exited with status 1")
    report.lastLogLines = ["boom"]
    #expect(
      Self.report(&machine, report)
        == Self.aborted(
          Diagnostic(
            code: "replica-failed", "n2: `base/1` is failed: exited with status 1",
            causes: ["log: boom"])))
    #expect(Self.report(&machine, Self.report("n1", "base", 0, .ready)) == [])
  }

  @Test func `a lost link alone ends nothing`() {
    var machine = Self.started()
    let fault = NodeFault(
      node: "n2", kind: .unreachable, Diagnostic(code: "link-lost", "the link broke"))
    #expect(machine.faulted(fault, at: Self.start) == [])
    #expect(Self.attach(&machine, "n2") == [])
  }

  @Test func `a refused node ends the launch soon, and one that was there before does not`() {
    var machine = Self.machine()
    let fault = NodeFault(
      node: "n2", kind: .refused, Diagnostic(code: "host-key-changed", "its host key changed"))
    let reason = Diagnostic(code: "host-key-changed", "n2: its host key changed")
    let end = Self.aborted(reason) + [.end(LaunchResult(reasons: [reason]))]
    #expect(machine.faulted(fault, at: Self.start) == [])
    #expect(Self.pass(&machine, to: 1) == [])
    #expect(Self.pass(&machine, from: 2, to: 2) == end)
    // At once where nobody else can be heard of.
    machine = Self.machine()
    _ = Self.attach(&machine, "n1")
    #expect(machine.faulted(fault, at: Self.start) == Self.aborted(reason))
    // One restart of its sshd, before the other is there and after.
    var gathering = Self.machine()
    _ = Self.attach(&gathering, "n2")
    #expect(gathering.faulted(fault, at: Self.start) == [])
    #expect(Self.attach(&gathering, "n1") == Self.starting("base"))
    var started = Self.started()
    #expect(started.faulted(fault, at: Self.start) == [])
  }

  @Test func `all nodes that refuse are named together, whatever their addresses`() {
    var machine = Self.machine()
    let faults = ["n1", "n2"].map { NodeFault(node: $0, .connectionRefused(address: "\($0):22")) }
    #expect(machine.faulted(faults[0], at: Self.start) == [])
    let reason = Diagnostic(
      code: "connection-refused", "n[1-2]: nothing listens on {address}",
      causes: ["n1: nothing listens on n1:22"],
      hints: ["see that sshd runs there, and that `ssh.port` is right"])
    #expect(
      machine.faulted(faults[1], at: Self.start)
        == Self.aborted(reason) + [.end(LaunchResult(reasons: [reason]))])
  }

  @Test func `a node that refuses for a moment is started with the others`() {
    var machine = Self.machine()
    _ = machine.faulted(NodeFault(node: "n1", .connectionRefused(address: "n1:22")), at: Self.start)
    _ = Self.attach(&machine, "n1")
    #expect(Self.pass(&machine, to: 19) == [])
    #expect(Self.attach(&machine, "n2") == Self.starting("base"))
  }

  @Test func `a node that never answers is named when its time is up`() {
    var machine = Self.machine()
    _ = Self.attach(&machine, "n1")
    #expect(Self.pass(&machine, to: 19) == [])
    #expect(
      Self.pass(&machine, from: 20, to: 20)
        == Self.aborted(Diagnostic(code: "node-silent", "n2: no answer within 20 s")))
  }

  @Test func `a service that is not ready in time is named with its late replicas`() {
    var machine = Self.started()
    _ = Self.report(&machine, Self.report("n1", "base", 0, .ready))
    #expect(Self.pass(&machine, to: 604) == [])
    #expect(
      Self.pass(&machine, from: 605, to: 605)
        == Self.aborted(
          Diagnostic(
            code: "service-late", "service `base` was not ready in time",
            causes: ["n2: `base/1` is never reported"])))
  }

  @Test func `a coordinator that did not run for a minute blames no node for it`() {
    var machine = Self.machine()
    _ = Self.attach(&machine, "n1")
    #expect(Self.pass(&machine, to: 10) == [])
    #expect(Self.pass(&machine, from: 70, to: 79) == [])
    _ = Self.attach(&machine, "n2", at: 79)
    #expect(Self.pass(&machine, from: 80, to: 680) == [])
    // What has come meanwhile is heard only after the tick.
    #expect(Self.pass(&machine, from: 740, to: 740) == [])
    let now = Self.second(740)
    _ = machine.reported(Self.report("n1", "base", 0, .ready), at: now)
    #expect(
      machine.reported(Self.report("n2", "base", 1, .ready), at: now) == Self.starting("top"))
  }

  @Test func `a node speaks for its own replicas only`() {
    var machine = Self.started()
    #expect(Self.report(&machine, Self.report("n1", "base", 1, .failed)) == [])
    #expect(machine.latestReports.isEmpty)
  }

  @Test func `equal faults of many nodes fold into one`() {
    let faults = ["n3", "n1", "n2"].map {
      NodeFault(node: $0, kind: .unreachable, Diagnostic(code: "x", "refused"))
    }
    let other = NodeFault(node: "n4", kind: .unreachable, Diagnostic(code: "x", "silent"))
    let folded = (faults + [other]).folded()
    #expect(folded.count == 2)
    #expect(
      folded[0].summary == "\(NodeSet(["n1", "n2", "n3"].map(NodeName.init)).folded): refused")
  }

  // MARK: What nodes say of themselves

  /// Of a machine that has no program for `base`.
  static func lacking(_ node: String) -> PreflightAnswer {
    var facts = PreflightFacts()
    facts.missingPrograms = ["a"]
    return PreflightAnswer(node: node, facts: facts)
  }

  @Test func `nodes that cannot carry the plan end the launch, and nothing after it`() throws {
    var machine = Self.machine()
    for node in ["n1", "n2"] { machine.examined(Self.lacking(node)) }
    _ = Self.attach(&machine, "n1")
    let actions = Self.attach(&machine, "n2")
    guard case .tell(.checked(let findings)) = actions.first else {
      Issue.record("not told: \(actions)")
      return
    }
    let errors = findings.filter(\.isError).map(\.folded)
    #expect(!errors.isEmpty)
    #expect(actions.dropFirst() == [.tell(.aborted(errors)), .giveOrders])
    #expect(machine.order(of: "n1") == LaunchOrder(services: [], isStopAsked: true))
    #expect(Self.report(&machine, Self.report("n1", "base", 0, .ready)) == [])
  }

  @Test func `what nodes say is told once, and refuses nothing where it may not`() {
    var settings = Machine.Settings(attachTimeout: .seconds(20), reportGrace: .seconds(5))
    settings.refusesFindings = false
    var machine = Machine(
      plan: Self.plan, epoch: Self.epoch, settings: settings, now: Self.start)
    machine.examined(Self.lacking("n1"))
    _ = Self.attach(&machine, "n1")
    let actions = Self.attach(&machine, "n2")
    #expect(actions.count == 3)
    #expect(actions.suffix(2) == Self.starting("base")[...])
    _ = Self.report(&machine, Self.report("n1", "base", 0, .ready))
    #expect(Self.report(&machine, Self.report("n2", "base", 1, .ready)) == Self.starting("top"))
  }

  // MARK: The end of an aborted launch

  static let failure = Diagnostic(code: "replica-failed", "n2: `base/1` is failed: ")

  @Test func `it is over when every node that was reached has stopped what it ran`() {
    var machine = Self.started()
    #expect(
      Self.report(&machine, Self.report("n2", "base", 1, .failed)) == Self.aborted(Self.failure))
    #expect(machine.order(of: "n1").isStopAsked && machine.order(of: "n2").isStopAsked)
    #expect(machine.left("n2", hasRemains: false) == [])
    #expect(
      machine.left("n1", hasRemains: false) == [
        .end(LaunchResult(reasons: [Self.failure], culprit: .service, isOver: true))
      ])
    #expect(machine.left("n1", hasRemains: false) == [])
  }

  @Test func `a node that does not stop in time is waited for no longer`() {
    var machine = Self.started()
    _ = Self.report(&machine, Self.report("n2", "base", 1, .failed))
    _ = machine.left("n2", hasRemains: false)
    // Grace of 30 s and the agents' 30 s for the rest.
    #expect(Self.pass(&machine, from: 1, to: 64) == [])
    #expect(
      Self.pass(&machine, from: 65, to: 65)
        == [
          .tell(.leftBehind(node: "n1", ["it has not said in time that it has stopped"])),
          .end(LaunchResult(reasons: [Self.failure], culprit: .service, isOver: false)),
        ])
  }

  @Test(arguments: [ReplicaPhase.stopping, .stopped])
  func `a launch that is ended from elsewhere is over at once, and orders nothing`(
    phase: ReplicaPhase
  ) {
    var machine = Self.started()
    // As an attempt of before left it: it has nothing to do with this launch.
    #expect(Self.report(&machine, Self.report("n2", "base", 1, phase, by: 6)) == [])
    _ = Self.report(&machine, Self.report("n2", "base", 1, .loading))
    let reasons = [Diagnostic.endedElsewhere]
    #expect(
      Self.report(&machine, Self.report("n2", "base", 1, phase))
        == [.tell(.aborted(reasons)), .end(LaunchResult(reasons: reasons, culprit: .service))])
  }

  @Test func `a task that has ended well and is being cleared ends nothing`() {
    var machine = Self.started()
    _ = Self.report(&machine, Self.report("n1", "base", 0, .ready))
    _ = Self.report(&machine, Self.report("n2", "base", 1, .ready))
    var report = Self.report("n1", "top", 0, .stopping)
    report.end = .exited(status: 0)
    #expect(Self.report(&machine, report) == [])
    report.state = .stopped
    #expect(Self.report(&machine, report) == Self.succeeded)
  }

  @Test func `a node that another has taken over is waited for no longer`() {
    var machine = Self.started()
    _ = Self.report(&machine, Self.report("n2", "base", 1, .failed))
    _ = machine.left("n2", hasRemains: false)
    let fault = NodeFault(node: "n1", kind: .held, Diagnostic(code: "run-held", "held"))
    #expect(
      machine.faulted(fault, at: Self.start)
        == [.end(LaunchResult(reasons: [Self.failure], culprit: .service, isOver: false))])
  }

  @Test func `a node that another takes over ends the launch, and is waited for no longer`() {
    var machine = Self.started()
    let fault = NodeFault(node: "n1", kind: .held, Diagnostic(code: "run-taken", "taken"))
    let reason = Diagnostic(code: "run-taken", "n1: taken")
    #expect(machine.faulted(fault, at: Self.start) == Self.aborted(reason))
    #expect(
      machine.left("n2", hasRemains: false)
        == [.end(LaunchResult(reasons: [reason]))])
  }

  @Test func `a launch of which something is left is not over`() {
    var machine = Self.started()
    _ = Self.report(&machine, Self.report("n2", "base", 1, .failed))
    _ = machine.left("n2", hasRemains: true)
    #expect(
      machine.left("n1", hasRemains: false)
        == [.end(LaunchResult(reasons: [Self.failure], culprit: .service, isOver: false))])
  }

  @Test func `what ran before a launch is no part of it, and the run is not over with it`() {
    var machine = Self.machine()
    _ = Self.attach(&machine, "n1")
    let fault = NodeFault(node: "n2", kind: .held, Diagnostic(code: "run-held", "held"))
    let reason = Diagnostic(code: "run-held", "n2: held")
    #expect(machine.faulted(fault, at: Self.start) == Self.aborted(reason))
    // It stops what the launch has had started there, which is nothing.
    #expect(machine.order(of: "n1").isStopAsked)
    #expect(
      machine.left("n1", hasRemains: true) == [.end(LaunchResult(reasons: [reason]))])
  }

  @Test func `a node that attaches after the abort is stopped and waited for as well`() {
    var machine = Self.machine()
    _ = Self.attach(&machine, "n1")
    let reason = Diagnostic(code: "node-silent", "n2: no answer within 20 s")
    #expect(Self.pass(&machine, to: 20) == Self.aborted(reason))
    #expect(Self.attach(&machine, "n2", at: 21) == [.giveOrders])
    #expect(machine.order(of: "n2").isStopAsked)
    #expect(machine.left("n1", hasRemains: false) == [])
    #expect(
      machine.left("n2", hasRemains: false) == [
        .end(LaunchResult(reasons: [reason], isOver: true))
      ])
  }

  @Test func `a launch whose nodes were not all seen is not over`() {
    var machine = Self.machine()
    _ = Self.attach(&machine, "n1")
    _ = Self.pass(&machine, to: 20)
    let reason = Diagnostic(code: "node-silent", "n2: no answer within 20 s")
    #expect(
      machine.left("n1", hasRemains: false) == [
        .end(LaunchResult(reasons: [reason], isOver: false))
      ])
  }
}
