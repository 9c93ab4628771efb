import Coordinator
import FleetView
import Health
import Launch
import Manifest
import Testing

/// Which changes are told, and how often.
struct NotifyMachineTests {
  static let start = ContinuousClock.now

  static func report(
    _ index: Int, _ state: ReplicaPhase, service: String = "policy", reason: String = ""
  ) -> ReplicaReport {
    ReplicaReport(
      node: "n\(index)", key: ReplicaKey(service: service, index: index), state: state,
      reason: reason)
  }

  static func settings(
    _ events: [ManifestNotify.Event] = ManifestNotify().events
  ) -> ManifestNotify {
    var settings = ManifestNotify()
    settings.command = ["x"]
    settings.events = events
    return settings
  }

  static func machine(
    on events: [ManifestNotify.Event] = ManifestNotify.Event.allCases
  ) -> NotifyMachine<ContinuousClock.Instant> {
    NotifyMachine(Self.settings(events))
  }

  @Test func `a failure is told once, with its place and its reason`() {
    var machine = Self.machine()
    let notice = machine.reported(Self.report(3, .failed, reason: "engine died"), at: Self.start)
    #expect(notice?.text == "`policy/3` failed on n3: engine died")
    #expect(machine.reported(Self.report(3, .failed), at: Self.start + .seconds(61)) == nil)
  }

  @Test func `a crash loop is told of before its budget ends`() {
    var machine = NotifyMachine<ContinuousClock.Instant>(Self.settings())
    let crash = Self.report(3, .backoff, reason: "status 1")
    #expect(
      machine.reported(crash, at: Self.start)?.text
        == "`policy/3` failed and is tried again on n3: status 1")
    _ = machine.reported(Self.report(3, .starting), at: Self.start)
    #expect(machine.reported(crash, at: Self.start + .seconds(1)) == nil)
    #expect(machine.due(at: Self.start + .seconds(60)).map(\.event) == [.backoff])
  }

  @Test func `what comes within the time is counted, and the next message says how many`() {
    var machine = Self.machine()
    _ = machine.reported(Self.report(0, .failed), at: Self.start)
    for index in 1...12 {
      #expect(machine.reported(Self.report(index, .failed), at: Self.start + .seconds(59)) == nil)
    }
    let next = machine.reported(Self.report(13, .failed), at: Self.start + .seconds(60))
    #expect(next?.moreCount == 12)
    #expect(next?.text.hasSuffix("(and 12 more)") == true)
    let last = machine.reported(Self.report(14, .failed), at: Self.start + .seconds(120))
    #expect(last?.moreCount == 0)
  }

  @Test func `each burst opens a time of its own`() {
    var machine = Self.machine()
    for (burst, begin) in [0, 100, 200, 300].enumerated() {
      let told = (0..<4).compactMap { index in
        machine.reported(
          Self.report(burst * 4 + index, .failed), at: Self.start + .seconds(begin + 10 * index))
      }
      #expect(told.map(\.moreCount) == [burst == 0 ? 0 : 3], "burst \(burst)")
    }
    var late = Self.machine()
    for begin in [0, 200, 400, 600] {
      let index = begin / 50
      #expect(late.reported(Self.report(index, .failed), at: Self.start + .seconds(begin)) != nil)
      #expect(
        late.reported(Self.report(index + 1, .failed), at: Self.start + .seconds(begin + 1)) == nil)
      // What was held back is told once its time is over, and not before.
      #expect(late.due(at: Self.start + .seconds(begin + 59)).isEmpty)
      #expect(late.due(at: Self.start + .seconds(begin + 60)).count == 1)
    }
  }

  /// Stalled, ready, stalled again: the last word must not be that it is ready.
  @Test func `what was held back and is still so is told when its time is over`() {
    var machine = Self.machine()
    func report(_ state: ReplicaPhase, at seconds: Int) -> Notice? {
      machine.reported(Self.report(0, state), at: Self.start + .seconds(seconds))
    }
    #expect(report(.stalled, at: 0) != nil && report(.ready, at: 5) != nil)
    #expect(report(.stalled, at: 10) == nil)
    #expect(machine.due(at: Self.start + .seconds(59)).isEmpty)
    #expect(
      machine.due(at: Self.start + .seconds(60)).map(\.text) == ["`policy/0` is stalled on n0"])
    #expect(machine.due(at: Self.start + .seconds(61)).isEmpty && machine.ended().isEmpty)
    // The message that was late counts as one.
    #expect(report(.ready, at: 65) != nil && report(.stalled, at: 119) == nil)
  }

  @Test
  func `one of all that failed at once stands for the others, and what has passed is not told`() {
    var machine = Self.machine()
    for index in 0..<20 { _ = machine.reported(Self.report(index, .failed), at: Self.start) }
    _ = machine.reported(Self.report(19, .backoff), at: Self.start + .seconds(1))
    #expect(
      machine.due(at: Self.start + .seconds(60)).map(\.text)
        == ["`policy/18` failed on n18 (and 18 more)"])
    _ = machine.lost("n1", reason: "", at: Self.start)
    _ = machine.lost("n2", reason: "", at: Self.start)
    _ = machine.lost("n3", reason: "", at: Self.start)
    machine.reached("n3")
    // Nobody watches any more, and what is held back is told at once.
    #expect(machine.ended().map(\.text) == ["n2 is unreachable (and 1 more)"])
  }

  @Test func `another service and another state have their own time`() {
    var machine = Self.machine()
    #expect(machine.reported(Self.report(0, .failed), at: Self.start) != nil)
    #expect(machine.reported(Self.report(0, .stalled), at: Self.start) != nil)
    #expect(machine.reported(Self.report(0, .failed, service: "judge"), at: Self.start) != nil)
  }

  @Test
  func `a replica that is ready when first heard of has not changed; one that becomes it has`() {
    var machine = Self.machine()
    #expect(machine.reported(Self.report(0, .ready), at: Self.start) == nil)
    #expect(machine.reported(Self.report(1, .loading), at: Self.start) == nil)
    #expect(machine.reported(Self.report(1, .ready), at: Self.start)?.event == .ready)
  }

  @Test func `a lost node is told once until it is reached again`() {
    var machine = Self.machine()
    let lost = machine.lost("n1", reason: "no route", at: Self.start)
    #expect(lost?.text == "n1 is unreachable: no route")
    #expect(machine.lost("n1", reason: "no route", at: Self.start + .seconds(90)) == nil)
    machine.reached("n1")
    #expect(machine.lost("n1", reason: "no route", at: Self.start + .seconds(120)) != nil)
  }

  @Test func `what was not asked for is not told`() {
    var machine = Self.machine(on: [.failed])
    #expect(machine.reported(Self.report(0, .stalled), at: Self.start) == nil)
    #expect(machine.lost("n1", reason: "", at: Self.start) == nil)
    #expect(machine.reported(Self.report(0, .failed), at: Self.start) != nil)
  }
}
