import Health
import Launch
import Testing

private typealias Machine = ReplicaMachine<ManualInstant>

/// Every order of events that can happen to a launched replica, up to a bound.
@Suite
struct `Every sequence of events` {
  private enum Event: CaseIterable {
    case progressed, probeSucceeded, provedWrong, ended, cleared
    case lookedFine, lookedDead, canaryFailed, stopAsked, secondPassed, minutePassed
  }

  private struct World {
    var machine: Machine
    var now: ManualInstant = 0
    var processLives = true
    var stopWasAsked = false
    var isClear = false

    init(task: Bool) {
      self.machine = Machine(
        LaunchSpecification(
          argv: ["serve"], readyTimeoutSeconds: 90, isTask: task, stopGraceSeconds: 3,
          model: ModelServer(port: 80, model: "m")))
      self.machine.launched(at: self.now)
    }

    /// - Returns: False where the event cannot happen now.
    mutating func apply(_ event: Event) -> Bool {
      switch event {
      case .progressed: self.machine.progressed()
      case .probeSucceeded: self.machine.probed(.succeeded, at: self.now)
      case .lookedFine: self.machine.looked(LivenessSight(.fine(nil)), at: self.now)
      case .lookedDead: self.machine.looked(LivenessSight(.dead("dead")), at: self.now)
      case .canaryFailed: self.machine.answered(.failed("no"), at: self.now)
      case .provedWrong: self.machine.probed(.wrong("wrong"), at: self.now)
      case .ended:
        guard self.processLives, !self.machine.isOver else { return false }
        self.processLives = false
        self.machine.ended(.exited(status: 0), at: self.now)
      case .cleared:
        guard !self.processLives, self.machine.isClearing else { return false }
        self.machine.cleared()
        self.isClear = true
      case .stopAsked:
        self.stopWasAsked = true
        self.machine.stopAsked(at: self.now)
      case .secondPassed: return self.pass(.seconds(1))
      case .minutePassed: return self.pass(.seconds(60))
      }
      return true
    }

    private mutating func pass(_ time: Duration) -> Bool {
      self.now = self.now.advanced(by: time)
      _ = self.machine.timePassed(at: self.now)
      return true
    }
  }

  @Test(arguments: [false, true])
  func `keeps what is final final, and what failed failed`(task: Bool) {
    var count = 0
    var stack: [(world: World, depth: Int)] = [(World(task: task), 0)]
    while let (world, depth) = stack.popLast() {
      count += 1
      Self.check(world)
      if depth == 5 { continue }
      for event in Event.allCases {
        var next = world
        let before = world.machine.view.phase
        guard next.apply(event) else { continue }
        let after = next.machine.view.phase
        if world.machine.isOver { #expect(next.machine.view == world.machine.view) }
        if before == .failed { #expect(after == .failed) }
        if before == .stopping { #expect([.stopping, .stopped, .failed].contains(after)) }
        stack.append((next, depth + 1))
      }
    }
    #expect(count > 50_000)
  }

  private static func check(_ world: World) {
    let view = world.machine.view
    if world.stopWasAsked { #expect(![.starting, .loading, .canary, .ready].contains(view.phase)) }
    if [.failed, .busy, .stalled].contains(view.phase) { #expect(!view.reason.isEmpty) }
    if !world.processLives { #expect(view.phase.isFinal || view.phase == .stopping) }
    if world.isClear { #expect(world.machine.isOver) }
    #expect(view.phase != .stopped || world.machine.isOver)
  }
}
