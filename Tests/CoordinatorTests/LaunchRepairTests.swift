@testable import Coordinator
import Fleet
import Health
import Launch
import Plan
import Testing

/// Launches of a run that is there: what others had started is found, and no part of it.
extension LaunchMachineTests {
  @Test(arguments: [ReplicaPhase.failed, .stopped])
  func `what ended before the launch has no say in it, whenever that is heard`(
    phase: ReplicaPhase
  ) {
    var early = Self.machine()
    #expect(Self.report(&early, Self.report("n2", "base", 1, phase, by: 6)) == [])
    _ = Self.attach(&early, "n1")
    #expect(Self.attach(&early, "n2") == Self.starting("base"))
    var late = Self.started()
    #expect(Self.report(&late, Self.report("n2", "base", 1, phase, by: 6)) == [])
    // Nor where the answer to the start has come before it.
    #expect(Self.report(&late, Self.report("n2", "base", 1, .starting)) == [])
    #expect(Self.report(&late, Self.report("n2", "base", 1, phase, by: 6)) == [])
    for var machine in [early, late] {
      _ = Self.report(&machine, Self.report("n1", "base", 0, .ready, by: 6))
      #expect(
        Self.report(&machine, Self.report("n2", "base", 1, .ready)) == Self.starting("top"))
    }
  }

  @Test func `a task that ended well before the launch is not done in it`() {
    var machine = Self.started()
    _ = Self.report(&machine, Self.report("n1", "base", 0, .ready, by: 6))
    var done = Self.report("n1", "top", 0, .stopped, by: 6)
    done.end = .exited(status: 0)
    #expect(Self.report(&machine, done) == [])
    #expect(
      Self.report(&machine, Self.report("n2", "base", 1, .ready, by: 6)) == Self.starting("top"))
    #expect(Self.report(&machine, done) == [])
    done.startedBy = Self.epoch
    #expect(Self.report(&machine, done) == Self.succeeded)
  }

  @Test func `what was found alive and fails is started again, and judged from then on`() {
    var machine = Self.started()
    _ = Self.report(&machine, Self.report("n1", "base", 0, .ready, by: 6))
    _ = Self.report(&machine, Self.report("n2", "base", 1, .loading, by: 6))
    #expect(
      Self.report(&machine, Self.report("n2", "base", 1, .failed, by: 6)) == [.giveOrders])
    #expect(machine.order(of: "n2") == LaunchOrder(services: ["base", "base"]))
    #expect(machine.order(of: "n1") == LaunchOrder(services: ["base"]))
    #expect(Self.report(&machine, Self.report("n2", "base", 1, .failed, by: 6)) == [])
    #expect(
      Self.report(&machine, Self.report("n2", "base", 1, .failed)) == Self.aborted(Self.failure))
  }

  @Test func `what was found on its way down is started again, what is stopped now ends it`() {
    var machine = Self.started()
    #expect(Self.report(&machine, Self.report("n1", "base", 0, .stopping, by: 6)) == [])
    #expect(
      Self.report(&machine, Self.report("n1", "base", 0, .stopped, by: 6)) == [.giveOrders])
    _ = Self.report(&machine, Self.report("n2", "base", 1, .ready, by: 6))
    let reasons = [Diagnostic.endedElsewhere]
    #expect(
      Self.report(&machine, Self.report("n2", "base", 1, .stopping, by: 6))
        == [.tell(.aborted(reasons)), .end(LaunchResult(reasons: reasons, culprit: .service))])
  }
}
