import Health
import Launch

@testable import NodeAgent

/// What a simulated replica stands on.
struct SimGround: ReplicaGround {
  /// After all that happens within a millisecond.
  static let tickOffset = Duration.microseconds(500)

  let services: ServiceWorld
  let index: Int
  let clock: SimHostClock

  func prepare() async throws {}

  /// Leaves out looks of which nothing can come, unless the world is literal.
  func rest(quietUntil quiet: SimClock.Instant?) async {
    let next = self.services.now + 1
    let until =
      quiet.map { max(next, $0.advanced(by: .zero - Self.tickOffset).milliseconds) } ?? .max
    await self.services.rest(self.index, until: self.services.isLiteral ? next : until)
    let host = self.clock.host
    guard host.pausedUntil > self.services.now else { return }
    let tick = self.services.replicas[self.index].tick(notBefore: host.pausedUntil)
    try? await host.world.sleep(until: .milliseconds(tick) + Self.tickOffset)
  }

  func launch(attempt: Int) async throws -> SimAttempt {
    self.services.launchEngine(self.index)
    return SimAttempt(services: self.services, index: self.index)
  }

  func logPath(ofAttempt attempt: Int) -> String { "" }

  func logEnd(ofAttempt attempt: Int) async -> [String] { [] }

  func redact(_ text: String) -> String { text }

  func publish(_ status: ReplicaStatus) async { self.services.posted(self.index, status) }
}

/// The processes of a simulated replica.
struct SimAttempt: ReplicaAttempt {
  private static let refused = "port 8000: nobody accepts connections"
  private static let unanswered = "port 8000: no answer in time"
  private static let dead = "its engine is dead: /health answers 503"

  let services: ServiceWorld
  let index: Int
  let processID: Int64 = 7
  /// As of the last look.
  private var processorTime = Duration.zero
  private var stoppedProcess: String?

  init(services: ServiceWorld, index: Int) {
    self.services = services
    self.index = index
  }

  mutating func look(isClearing: Bool) async throws -> ReplicaSight {
    try Task.checkCancellation()
    var sight = ReplicaSight()
    self.services.change(self.index) { replica, now in
      replica.engine.advance(to: now)
      sight.logLines = replica.logLines
      replica.logLines = []
      if let end = replica.engine.end, !replica.endIsTold {
        sight.end = end
        replica.endIsTold = true
      }
      if replica.engine.isGone, isClearing || sight.end != nil { sight.cleared = ReplicaRemains() }
    }
    let engine = self.services.replicas[self.index].engine
    self.processorTime = engine.processorTime
    self.stoppedProcess = engine.stoppedProcess
    return sight
  }

  func terminate() async { self.services.terminate(self.index) }

  func kill() async {
    let (services, index) = (self.services, self.index)
    services.at(services.now + 30) { services.processEnds(index, .killed) }
  }

  func leftovers() async -> [String] {
    self.services.violate("\(self.services.replicas[self.index].key) was given up")
    return []
  }

  func sight() async -> LivenessSight {
    let (number, delay, wasLost) = self.services.beginLook(self.index)
    var isLost = wasLost
    if delay > 0 {
      let began = self.services.now
      await self.services.answer(self.index, after: delay)
      self.services.replicas[self.index].delayUnderWay = 0
      isLost = self.services.isAnswerLost(self.index, isLost, began: began)
    }
    let answer = self.answer(number, isLost: isLost)
    self.services.endLook(self.index, answer)
    return LivenessSight(
      answer, processorTime: self.processorTime, stoppedProcess: self.stoppedProcess)
  }

  private func answer(_ number: Int, isLost: Bool) -> LivenessSight.Answer {
    self.services.change(self.index) { replica, now in replica.engine.advance(to: now) }
    let engine = self.services.replicas[self.index].engine
    if engine.end != nil || engine.condition == .refuses { return .refused(Self.refused) }
    if engine.condition == .serverIsStopped { return .unanswered(Self.unanswered) }
    if engine.isDead { return .dead(Self.dead) }
    if isLost { return number % 3 == 0 ? .dead(Self.dead) : .unanswered(Self.unanswered) }
    return .fine(engine.counters)
  }

  func probe(_ note: @escaping @Sendable (ProbeNote) -> Void) async -> ProbeOutcome {
    defer { self.services.wake(self.index) }
    let replica = self.services.replicas[self.index]
    let serves = replica.posted.state.isServing
    guard serves || replica.engine.isLoaded && replica.engine.end == nil else {
      return .failed(Self.refused)
    }
    if case .wrongModel = replica.fate {
      return .wrong("wrong model: it serves `other`, not `tiny`")
    }
    note(.completionBegan)
    self.services.wake(self.index)
    if case .neverAnswers = replica.fate { return .failed("a completion answers 500") }
    return await self.services.complete(self.index)
  }
}
