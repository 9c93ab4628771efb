import Coordinator
import Fleet
import Health
import Launch
import Plan
import Recipes
import TestFleet
import Testing

@testable import Commands

/// What a person reads while a launch goes on.
struct LaunchNarratorTests {
  private static func narrator(isTask: Bool = false) -> LaunchNarrator {
    LaunchNarrator(
      plan: Plan(
        name: "test", nodes: [Plan.Node(name: "n0", link: .local)],
        services: [
          Plan.Service(
            name: "policy", recipe: "command",
            replicas: [
              Plan.Replica(
                index: 0, node: "n0",
                launch: LaunchSpecification(
                  argv: ["a"], readyTimeoutSeconds: 10, isTask: isTask))
            ])
        ]))
  }

  private static func report(_ phase: ReplicaPhase, exitStatus: Int32? = nil) -> LaunchEvent {
    var report = TestFleet.report(0, phase)
    report.end = exitStatus.map { .exited(status: $0) }
    return .reported(report)
  }

  @Test func `a service that is stopped after an abort is not called ready`() {
    var narrator = Self.narrator()
    var words: [LaunchNarrator.Word] = []
    #expect(narrator.words(for: .aborted([]), elapsed: .zero) == [], "nothing was started yet")
    _ = narrator.words(for: .starting(services: []), elapsed: .zero)
    for event in [Self.report(.loading), .aborted([]), Self.report(.stopping)] {
      words += narrator.words(for: event, elapsed: .seconds(1))
    }
    for status: Int32? in [nil, 0] {
      words += narrator.words(for: Self.report(.stopped, exitStatus: status), elapsed: .seconds(2))
    }
    #expect(words == [.line("[1.0 s] stopping what was started")])
  }

  @Test func `one that is ready is said once, and a task when it has ended well`() {
    var narrator = Self.narrator()
    let ready = [LaunchNarrator.Word.line("[1.0 s] `policy` ready: 1 of 1")]
    #expect(narrator.words(for: Self.report(.ready), elapsed: .seconds(1)) == ready)
    #expect(narrator.words(for: Self.report(.busy), elapsed: .seconds(1)) == [])
    #expect(narrator.words(for: Self.report(.ready), elapsed: .seconds(1)) == [])
    var task = Self.narrator(isTask: true)
    let bad = Self.report(.stopped, exitStatus: 7)
    #expect(task.words(for: bad, elapsed: .seconds(1)) == [])
    let good = Self.report(.stopped, exitStatus: 0)
    #expect(task.words(for: good, elapsed: .seconds(1)) == ready)
  }
}
