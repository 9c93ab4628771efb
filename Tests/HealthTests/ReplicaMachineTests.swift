import Launch
import Testing

@testable import Health

private typealias Machine = ReplicaMachine<ManualInstant>

@Suite
struct `The machine of a replica` {
  private static func machine(
    probed: Bool = true, task: Bool = false, grace: Int = 5
  ) -> Machine {
    Machine(
      LaunchSpecification(
        argv: ["serve"], readyTimeoutSeconds: 60, isTask: task, stopGraceSeconds: grace,
        model: probed ? ModelServer(port: 80, model: "m") : nil))
  }

  @Test func `a model server comes up through every state`() {
    var machine = Self.machine()
    #expect(machine.view.phase == .waiting)
    machine.launched(at: 0)
    #expect(machine.view.phase == .starting)
    #expect(machine.timePassed(at: 0) == .probe)
    #expect(machine.timePassed(at: 100) == .none)
    machine.probed(.failed("nobody accepts"), at: 100)
    machine.progressed()
    #expect(machine.view.phase == .loading)
    #expect(machine.timePassed(at: 599) == .none)
    #expect(machine.timePassed(at: 600) == .probe)
    machine.canaryBegan()
    #expect(machine.view.phase == .canary)
    machine.progressed()
    #expect(machine.view.phase == .canary)
    machine.probed(.succeeded, at: 700)
    #expect(machine.view == .init(phase: .ready, reason: "", isUnproven: false))
    #expect(machine.timePassed(at: 2699) == .none)
    #expect(machine.timePassed(at: 2700) == .look)
    machine.looked(LivenessSight(.unanswered("no answer in time")), at: 2700)
    #expect(machine.view.phase == .ready)
    #expect(machine.timePassed(at: 4700) == .look)
    machine.looked(LivenessSight(.unanswered("no answer in time")), at: 4700)
    #expect(machine.view.phase == .busy)
    #expect(machine.view.reason == "no answer in time")
    #expect(machine.timePassed(at: 6700) == .look)
    machine.looked(LivenessSight(.fine(nil)), at: 6701)
    #expect(machine.view.phase == .ready)
  }

  @Test func `without a probe it is ready after 2 s, and unproven`() {
    var machine = Self.machine(probed: false)
    machine.launched(at: 0)
    #expect(machine.timePassed(at: 1999) == .none)
    #expect(machine.view.phase == .starting)
    #expect(machine.timePassed(at: 2000) == .none)
    #expect(machine.view == .init(phase: .ready, reason: "", isUnproven: true))
    #expect(machine.timePassed(at: 6999) == .none)
    // Its processes are looked at.
    #expect(machine.timePassed(at: 7000) == .look)
  }

  @Test func `an agent that did not run when the time was up probes once more`() {
    var machine = Self.machine()
    machine.launched(at: 0)
    for second: Int64 in 0..<55 {
      #expect(machine.timePassed(at: ManualInstant(milliseconds: second * 1000)) == .probe)
      machine.probed(.failed("no"), at: ManualInstant(milliseconds: second * 1000 + 10))
    }
    #expect(machine.timePassed(at: 80_000) == .probe)
    machine.probed(.succeeded, at: 80_100)
    #expect(machine.view.phase == .ready)
  }

  @Test
  func `an agent that did not run while something was being stopped kills before it gives up`() {
    var machine = Self.machine()
    machine.launched(at: 0)
    machine.stopAsked(at: 100)
    #expect(machine.timePassed(at: 100) == .terminate)
    #expect(machine.timePassed(at: 30_000) == .kill)
    #expect(machine.timePassed(at: 30_200) == .kill)
    #expect(machine.timePassed(at: 40_000) == .giveUp)
  }

  @Test func `a deadline that passes fails it with the last fault, and ends it`() {
    var machine = Self.machine()
    machine.launched(at: 0)
    for second: Int64 in 0..<60 {
      #expect(machine.timePassed(at: ManualInstant(milliseconds: second * 1000)) == .probe)
      let now = ManualInstant(milliseconds: second * 1000 + 10)
      machine.probed(.failed("port 8000: nobody accepts connections"), at: now)
    }
    #expect(machine.timePassed(at: 60_000) == .terminate)
    #expect(machine.view.phase == .failed)
    #expect(
      machine.view.reason == "not ready within 60 s: port 8000: nobody accepts connections")
    #expect(!machine.isOver)
    machine.ended(.signalled(15), at: 60_100)
    machine.cleared()
    #expect(machine.isOver)
    #expect(machine.view.phase == .failed)
    #expect(machine.view.end == .signalled(15))
  }

  @Test func `TERM each second, then KILL until nothing is left, then the truth`() {
    var machine = Self.machine(grace: 2)
    machine.launched(at: 0)
    machine.probed(.succeeded, at: 0)
    machine.stopAsked(at: 1000)
    let expected: [(ManualInstant, Machine.Action)] = [
      (1000, .terminate), (1999, .none), (2000, .terminate), (2999, .none), (3000, .kill),
      (3100, .none), (3200, .kill), (12_999, .kill), (13_000, .giveUp), (14_000, .none),
    ]
    for (now, action) in expected { #expect(machine.timePassed(at: now) == action, "\(now)") }
    #expect(machine.isOver)
    #expect(machine.view.phase == .failed)
    #expect(machine.view.reason == "processes of it outlived KILL")
  }

  @Test(arguments: [
    (false, ProcessEnd.exited(status: 0), ReplicaPhase.failed),
    (false, .exited(status: 1), .failed), (false, .signalled(9), .failed),
    (false, .unknown, .failed), (true, .exited(status: 0), .stopping),
    (true, .exited(status: 1), .failed), (true, .signalled(9), .failed), (true, .unknown, .failed),
  ])
  func `one that ends by itself has failed, but for a task with status 0`(
    task: Bool, end: ProcessEnd, phase: ReplicaPhase
  ) {
    var machine = Self.machine(task: task)
    machine.launched(at: 0)
    machine.ended(end, at: 10)
    #expect(machine.view.phase == phase)
    #expect(machine.view.end == end)
    // What it left behind is told to end at once.
    #expect(machine.timePassed(at: 10) == .terminate)
    machine.cleared()
    #expect(machine.view.phase == (phase == .stopping ? .stopped : .failed))
  }

  @Test func `one that serves another model is ended`() {
    var machine = Self.machine()
    machine.launched(at: 0)
    machine.probed(.wrong("wrong model: it serves `a`, not `b`"), at: 5)
    #expect(machine.view.phase == .failed)
    #expect(machine.timePassed(at: 5) == .terminate)
    machine.stopAsked(at: 6)
    machine.ended(.exited(status: 0), at: 7)
    machine.cleared()
    #expect(machine.view.reason == "wrong model: it serves `a`, not `b`")
  }

  @Test func `one that is stopped while it is launched never shows as started`() {
    var machine = Self.machine()
    machine.stopAsked(at: 0)
    machine.launched(at: 5)
    #expect(machine.view.phase == .stopping)
    #expect(machine.timePassed(at: 5) == .terminate)
  }

  @Test(arguments: [
    (nil, ReplicaPhase.starting), (ReplicaPhase.loading, .starting), (.ready, .ready),
    (.busy, .ready), (.stalled, .ready), (.stopping, .stopping), (.failed, .failed),
  ])
  func `a new daemon goes on where the last one ended`(
    left: ReplicaPhase?, phase: ReplicaPhase
  ) {
    var machine = Self.machine()
    let key = ReplicaKey(service: "job", index: 0)
    var status = left.map { ReplicaStatus(key: key, state: $0) }
    status?.reason = "why"
    machine.adopted(as: status, at: 0)
    #expect(machine.view.phase == phase)
    #expect(machine.view.reason == (phase == .failed ? "why" : ""))
    #expect(machine.isClearing == (phase == .stopping || phase == .failed))
  }
}
