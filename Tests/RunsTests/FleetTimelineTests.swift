import Coordinator
import Health
import Launch
import RunStore
import Runs
import TestFleet
import Testing

@Suite struct FleetTimelineTests {
  private static let key = ReplicaKey(service: "policy", index: 0)

  private static func state(_ milliseconds: Int64, _ what: String) -> ChainEvent {
    ChainEvent(milliseconds: milliseconds, node: "n0", replica: Self.key, what: what)
  }

  private static func words(_ events: [ChainEvent]) -> [String] {
    events.map { "\($0.milliseconds) \($0.node) \($0.what)" }
  }

  @Test func `a state that two streams tell a moment apart is written once`() {
    var timeline = FleetTimeline(journal: [])
    timeline.add(TestFleet.report(0, .ready, since: 5000))
    timeline.add(Self.state(5001, "ready"))
    timeline.add(Self.state(4000, "loading"))
    #expect(Self.words(timeline.take()) == ["4000 n0 loading", "5000 n0 ready"])
    timeline.add(TestFleet.report(0, .ready, since: 5000))
    #expect(timeline.take().isEmpty)
    timeline.add(Self.state(9000, "ready"))
    #expect(Self.words(timeline.take()) == ["9000 n0 ready"])
  }

  @Test func `a node may say any time`() {
    var timeline = FleetTimeline(journal: [])
    for time in [Int64.min, .max, -1, 5000] { timeline.add(Self.state(time, "ready")) }
    timeline.add(TestFleet.report(0, .ready, since: .max))
    #expect(
      Self.words(timeline.take()) == ["0 n0 ready", "5000 n0 ready", "253402300799999 n0 ready"])
  }

  @Test func `what the journal has by its own time is not written again`() {
    let journal = JournalEvent(
      milliseconds: 7777, kind: "ready", subject: "policy/0",
      detail: #"{"node":"n0","reason":"","at":5000}"#)
    var timeline = FleetTimeline(journal: [ChainEvent(journal)])
    timeline.add(Self.state(5002, "ready"))
    #expect(timeline.take().isEmpty)
    timeline.add(ChainEvent(milliseconds: 5002, node: "n1", replica: Self.key, what: "ready"))
    #expect(Self.words(timeline.take()) == ["5002 n1 ready"])
  }

  @Test func `the last lines of a log come with the report, even after the event`() {
    var timeline = FleetTimeline(journal: [])
    timeline.add(Self.state(5001, "failed"))
    var report = TestFleet.report(0, .failed, since: 5000)
    report.lastLogLines = ["boom"]
    timeline.add(report)
    #expect(timeline.take().map(\.logLines) == [["boom"]])
  }

  @Test func `a link is lost once and back once, also over two watches`() {
    var timeline = FleetTimeline(journal: [])
    #expect(timeline.reached("n0", milliseconds: 1) == nil)
    #expect(timeline.lost("n0", reason: "no route", milliseconds: 2)?.what == "faulted")
    #expect(timeline.lost("n0", reason: "no route", milliseconds: 3) == nil)
    var later = FleetTimeline(journal: timeline.take())
    #expect(later.lost("n0", reason: "no route", milliseconds: 4) == nil)
    #expect(later.reached("n0", milliseconds: 5)?.what == "attached")
    #expect(Self.words(later.take()) == ["5 n0 attached"])
  }

  @Test func `two lines of a log at one instant are two events, one told twice is one`() {
    var timeline = FleetTimeline(journal: [])
    for reason in ["a", "b", "a"] {
      timeline.add(ChainEvent(milliseconds: 1, node: "n0", what: "xid", reason: reason))
    }
    #expect(timeline.take().map(\.reason) == ["a", "b"])
  }

  @Test func `what a node calls an event is no kind of the journal`() {
    let event = ChainEvent(
      JournalEvent(
        milliseconds: 9, kind: ChainEvent.journalKind, subject: "policy/0",
        detail: #"{"node":"n0","reason":"79","at":3,"event":"xid","replica":"policy/0"}"#))
    #expect(Self.words([event]) == ["3 n0 xid"] && event.replica == Self.key)
  }
}
