import Coordinator
import Fleet
import Health
import Launch
import Plan
import Recipes
import Testing

/// Transcripts of launches: what happens, and what is decided.
struct LaunchMachineTests {
  typealias Machine = LaunchMachine<ContinuousClock.Instant>

  static let start = ContinuousClock.now

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
      plan: Self.plan, settings: .init(attachTimeout: .seconds(20), reportGrace: .seconds(5)),
      now: Self.start)
  }

  static func report(
    _ node: String, _ service: String, _ index: Int, _ state: ReplicaPhase, reason: String = ""
  ) -> ReplicaReport {
    ReplicaReport(
      node: node, key: ReplicaKey(service: service, index: index), state: state, reason: reason)
  }

  /// Lets time pass as the launcher does, in ticks of a second.
  ///
  /// - Returns: What the first tick that led to anything led to.
  static func pass(
    _ machine: inout Machine, from first: Int = 0, to last: Int
  ) -> Machine.Action {
    var action = Machine.Action.none
    for second in first...last {
      action = machine.ticked(at: Self.start.advanced(by: .seconds(second)))
      if action != .none { break }
    }
    return action
  }

  /// A machine whose two nodes have attached, so that `base` has been started.
  static func started() -> Machine {
    var machine = Self.machine()
    _ = machine.attached("n1", at: Self.start)
    _ = machine.attached("n2", at: Self.start)
    return machine
  }

  @Test func `nothing starts before every node has attached`() {
    var machine = Self.machine()
    #expect(machine.attached("n1", at: Self.start) == .none)
    #expect(machine.attached("n2", at: Self.start) == .start(["base"]))
  }

  @Test func `a service starts when those before it are ready on every node`() {
    var machine = Self.started()
    #expect(machine.reported(Self.report("n1", "base", 0, .ready), at: Self.start) == .none)
    #expect(machine.reported(Self.report("n2", "base", 1, .loading), at: Self.start) == .none)
    #expect(
      machine.reported(Self.report("n2", "base", 1, .ready), at: Self.start) == .start(["top"]))
    #expect(machine.reported(Self.report("n1", "top", 0, .ready), at: Self.start) == .succeed)
  }

  @Test func `a task that ended well counts as ready, and any other end does not`() {
    var machine = Self.started()
    _ = machine.reported(Self.report("n1", "base", 0, .ready), at: Self.start)
    _ = machine.reported(Self.report("n2", "base", 1, .ready), at: Self.start)
    var report = Self.report("n1", "top", 0, .stopped)
    report.end = .exited(status: 0)
    var other = machine
    #expect(machine.reported(report, at: Self.start) == .succeed)
    report.end = .exited(status: 3)
    guard case .abort = other.reported(report, at: Self.start) else {
      Issue.record("a task that ended with 3 must end the launch")
      return
    }
  }

  @Test func `a failed replica ends the launch with its node, reason and last lines`() {
    var machine = Self.started()
    var report = Self.report("n2", "base", 1, .failed, reason: "exited with status 1")
    report.lastLogLines = ["boom"]
    let action = machine.reported(report, at: Self.start)
    #expect(
      action
        == .abort([
          Diagnostic(
            code: "replica-failed", "n2: `base/1` is failed: exited with status 1",
            causes: ["log: boom"])
        ]))
    #expect(machine.reported(Self.report("n1", "base", 0, .ready), at: Self.start) == .none)
  }

  @Test func `a lost link alone ends nothing`() {
    var machine = Self.started()
    let fault = NodeFault(
      node: "n2", kind: .unreachable, Diagnostic(code: "link-lost", "the link broke"))
    #expect(machine.faulted(fault) == .none)
    #expect(machine.attached("n2", at: Self.start) == .none)
  }

  @Test func `a refused node ends the launch at once`() {
    var machine = Self.machine()
    let fault = NodeFault(
      node: "n2", kind: .refused, Diagnostic(code: "host-key-changed", "its host key changed"))
    #expect(
      machine.faulted(fault)
        == .abort([Diagnostic(code: "host-key-changed", "n2: its host key changed")]))
  }

  @Test func `a node that never answers is named when its time is up`() {
    var machine = Self.machine()
    _ = machine.attached("n1", at: Self.start)
    #expect(Self.pass(&machine, to: 19) == .none)
    #expect(
      Self.pass(&machine, from: 20, to: 20)
        == .abort([Diagnostic(code: "node-silent", "n2: no answer within 20 s")]))
  }

  @Test func `a service that is not ready in time is named with its late replicas`() {
    var machine = Self.started()
    _ = machine.reported(Self.report("n1", "base", 0, .ready), at: Self.start)
    #expect(Self.pass(&machine, to: 604) == .none)
    #expect(
      Self.pass(&machine, from: 605, to: 605)
        == .abort([
          Diagnostic(
            code: "service-late", "service `base` was not ready in time",
            causes: ["n2: `base/1` is never reported"])
        ]))
  }

  @Test func `a coordinator that did not run for a minute blames no node for it`() {
    var machine = Self.machine()
    _ = machine.attached("n1", at: Self.start)
    #expect(Self.pass(&machine, to: 10) == .none)
    #expect(Self.pass(&machine, from: 70, to: 79) == .none)
    _ = machine.attached("n2", at: Self.start.advanced(by: .seconds(79)))
    #expect(Self.pass(&machine, from: 80, to: 680) == .none)
    // What has come meanwhile is heard only after the tick.
    #expect(Self.pass(&machine, from: 740, to: 740) == .none)
    let now = Self.start.advanced(by: .seconds(740))
    _ = machine.reported(Self.report("n1", "base", 0, .ready), at: now)
    #expect(machine.reported(Self.report("n2", "base", 1, .ready), at: now) == .start(["top"]))
  }

  @Test func `a node speaks for its own replicas only`() {
    var machine = Self.started()
    #expect(machine.reported(Self.report("n1", "base", 1, .failed), at: Self.start) == .none)
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

  @Test func `nodes that cannot carry the plan end the launch, and nothing after it`() {
    let reason = Diagnostic(code: "port-taken", "port 80 is taken")
    var machine = Self.started()
    #expect(machine.refused([reason]) == .abort([reason]))
    #expect(machine.refused([reason]) == .none)
    #expect(machine.reported(Self.report("n1", "base", 0, .ready), at: Self.start) == .none)
  }
}
