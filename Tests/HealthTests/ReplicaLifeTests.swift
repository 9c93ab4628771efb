import Health
import Launch
import Testing

private typealias Life = ReplicaLife<ManualInstant>

/// Transcripts of replicas over their attempts.
struct ReplicaLifeTests {
  private static let key = ReplicaKey(service: "policy", index: 0)

  private static func life(
    restartCountMax: Int = 0, _ change: (inout LaunchSpecification) -> Void = { _ in }
  ) -> Life {
    var launch = LaunchSpecification(argv: ["serve"], probe: .tcp(port: 80))
    change(&launch)
    return Life(
      ReplicaSpecification(key: Self.key, launch: launch), restartCountMax: restartCountMax, at: 0)
  }

  /// One whose process was launched at 0.
  private static func launched(restartCountMax: Int = 0) -> Life {
    var life = Self.life(restartCountMax: restartCountMax)
    #expect(life.timePassed(at: 0) == .launch)
    life.launched(processID: 7, at: 0)
    return life
  }

  private static func sight(
    _ lines: [String] = [], end: ProcessEnd? = nil, cleared: Bool = false
  ) -> ReplicaSight {
    var sight = ReplicaSight()
    sight.logLines = lines
    sight.end = end
    sight.cleared = cleared ? ReplicaRemains() : nil
    return sight
  }

  private static let crash = Self.sight(end: .exited(status: 3), cleared: true)

  private static func show(_ life: inout Life, at milliseconds: Int64 = 0) -> ReplicaStatus {
    life.status(logPath: "log", at: milliseconds)
  }

  @Test func `it is launched once, and its states have their times`() {
    var life = Self.launched()
    #expect(life.timePassed(at: 0) == .attempt(.probe))
    let starting = Self.show(&life, at: 1000)
    #expect(starting.state == .starting && starting.processID == 7)
    #expect(starting.sinceMilliseconds == 1000)
    #expect(Self.show(&life, at: 2000).sinceMilliseconds == 1000)
    life.probed(.succeeded, at: 2000)
    let ready = Self.show(&life, at: 3000)
    #expect(ready.state == .ready && ready.sinceMilliseconds == 3000 && ready.logPath == "log")
  }

  @Test func `it is leaving when it is ended and no other attempt follows`() {
    var life = Self.life()
    #expect(!life.isLeaving)
    life.stopAsked(at: 0)
    #expect(life.isLeaving)
    var failing = Self.launched()
    failing.saw(Self.sight(end: .exited(status: 3)), at: 0)
    #expect(failing.isLeaving && !failing.isOver)
    failing.saw(Self.sight(cleared: true), at: 0)
    #expect(failing.isLeaving && failing.isEnding)
    var again = Self.launched(restartCountMax: 1)
    again.saw(Self.sight(end: .exited(status: 3)), at: 0)
    #expect(!again.isLeaving)
    again.saw(Self.sight(cleared: true), at: 0)
    #expect(!again.isLeaving)
    again.stopAsked(at: 0)
    #expect(again.isLeaving)
  }

  @Test func `after a failure the next attempt follows its pause, with all of it new`() {
    var life = Self.launched(restartCountMax: 1)
    life.heard(.systemFingerprint("print"))
    life.saw(Self.crash, at: 0)
    #expect(life.wantsLogEnd)
    life.explained(by: ["boom"])
    let resting = Self.show(&life)
    #expect(resting.state == .backoff && resting.lastLogLines == ["boom"])
    #expect(resting.reason.hasSuffix("by itself; attempt 2 follows after 1 s"))
    #expect(resting.end == .exited(status: 3) && resting.processID == 0)
    #expect(life.timePassed(at: 999) == .none)
    #expect(life.quietUntil == 1000)
    #expect(life.timePassed(at: 1000) == .launch)
    let next = Self.show(&life)
    #expect(next.attempt == 2 && next.state == .waiting && next.systemFingerprint == "")
    #expect(next.lastLogLines == [] && next.end == nil)
    life.launched(processID: 8, at: 1000)
    life.saw(Self.crash, at: 1000)
    #expect(Self.show(&life).state == .failed)
    #expect(life.timePassed(at: 1000) == .end)
    #expect(!life.isOver)
    life.told()
    #expect(life.isOver)
  }

  @Test func `one that is told to stop between two attempts makes no other`() {
    var life = Self.launched(restartCountMax: 5)
    life.saw(Self.crash, at: 0)
    life.stopAsked(at: 500)
    let stopped = Self.show(&life)
    #expect(stopped.state == .failed && stopped.attempt == 1)
    #expect(stopped.reason.hasSuffix("; it was stopped before another attempt"))
    #expect(life.timePassed(at: 5000) == .end)
  }

  @Test func `one that is told to stop while it fails makes no other attempt`() {
    var life = Self.launched(restartCountMax: 5)
    life.saw(Self.sight(end: .exited(status: 3)), at: 0)
    #expect(Self.show(&life).state == .backoff)
    life.stopAsked(at: 100)
    #expect(Self.show(&life).state == .failed)
    life.saw(Self.sight(cleared: true), at: 200)
    #expect(life.timePassed(at: 5000) == .end)
    #expect(life.attempt == 1)
  }

  @Test func `one that is told to stop before its launch is never launched`() {
    var life = Self.life()
    life.stopAsked(at: 0)
    #expect(life.timePassed(at: 0) == .end)
    #expect(Self.show(&life).state == .stopped)
  }

  @Test func `one that is told to stop while it is launched is ended at once`() {
    var life = Self.life()
    #expect(life.timePassed(at: 0) == .launch)
    life.stopAsked(at: 0)
    life.launched(processID: 7, at: 0)
    #expect(life.timePassed(at: 0) == .attempt(.terminate))
    life.saw(Self.crash, at: 100)
    #expect(Self.show(&life).state == .stopped)
  }

  @Test func `what would fail again is not tried again`() {
    var life = Self.life(restartCountMax: 5)
    #expect(life.timePassed(at: 0) == .launch)
    life.launchFailed("no such program", isLasting: true, at: 0)
    #expect(life.timePassed(at: 0) == .end)
    var other = Self.life(restartCountMax: 5)
    #expect(other.timePassed(at: 0) == .launch)
    other.launchFailed("port 80 is taken", isLasting: false, at: 0)
    #expect(other.timePassed(at: 0) == .none)
    #expect(other.timePassed(at: 1000) == .launch)
  }

  @Test func `what outlives KILL is named, and nothing is started beside it`() {
    var life = Self.launched(restartCountMax: 5)
    life.saw(Self.sight(end: .exited(status: 3)), at: 0)
    var actions: [Life.Action] = []
    for second in 0...60 {
      actions.append(life.timePassed(at: ManualInstant(milliseconds: Int64(second) * 1000)))
      if actions.last == .attempt(.giveUp) { break }
    }
    #expect(actions.last == .attempt(.giveUp))
    life.gaveUp(["process 9"])
    #expect(life.remains.leftovers == ["process 9"])
    #expect(Self.show(&life).state == .failed)
    #expect(life.timePassed(at: 100_000) == .end)
  }

  @Test func `a text in its log makes it ready, and marks show that it loads`() {
    var life = Self.life {
      $0.probe = .log(contains: "up and running")
      $0.progressMarks = ["Loading"]
    }
    #expect(life.timePassed(at: 0) == .launch)
    life.launched(processID: 7, at: 0)
    #expect(life.timePassed(at: 0) == .none)
    #expect(Self.show(&life).reason == "no line of its log contains `up and running` yet")
    life.saw(Self.sight(["Loading weights"]), at: 100)
    #expect(Self.show(&life).state == .loading)
    life.saw(Self.sight(["it is up and running"]), at: 200)
    #expect(life.timePassed(at: 500) == .none)
    #expect(Self.show(&life).state == .ready)
  }

  @Test func `one that an earlier supervisor left goes on where it was`() {
    var life = Self.life()
    life.adopted(as: ReplicaStatus(key: Self.key, state: .ready), processID: 9, at: 0)
    #expect(Self.show(&life).state == .ready && Self.show(&life).processID == 9)
    var stopped = Self.life()
    stopped.stopAsked(at: 0)
    stopped.adopted(as: ReplicaStatus(key: Self.key, state: .ready), processID: 9, at: 0)
    #expect(Self.show(&stopped).state == .stopping)
    var over = Self.life(restartCountMax: 5)
    over.foundOver("the machine was started anew", at: 0)
    #expect(over.timePassed(at: 0) == .end)
    #expect(Self.show(&over).reason == "the machine was started anew")
  }
}
