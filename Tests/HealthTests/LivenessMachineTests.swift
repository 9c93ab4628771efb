import Fleet
import Health
import Testing

private typealias Machine = LivenessMachine<ManualInstant>

/// An engine that a test has in hand, looked at every 100 ms as the agent does.
private struct EngineWorld {
  enum Condition {
    case rests
    /// Steps, and counts them.
    case decodes
    /// One step that takes long: it computes, and nothing moves.
    case prefills
    /// Work is there, and nothing happens.
    case hangs
    /// A signal has stopped it; what it was at stays in its metrics.
    case isStopped
    /// The server answers nothing.
    case serverHangs
    case portIsClosed
  }

  var machine: Machine
  var now: ManualInstant = 0
  var condition = Condition.rests
  var stepCount = 0.0
  var running = 0.0
  var processorTime = Duration.zero
  /// How many of the next looks fail, though nothing is wrong.
  var badLookCount = 0
  /// It answers, and shows no counters.
  var isBlind = false
  private var canaryAskedAt: ManualInstant?
  private(set) var canaryCount = 0

  init(asksCanaries: Bool = true) {
    self.machine = Machine(asksCanaries: asksCanaries, at: 0)
  }

  mutating func set(_ condition: Condition) {
    switch condition {
    case .rests: self.running = 0
    case .decodes, .prefills, .hangs: self.running = 4
    case .isStopped, .serverHangs, .portIsClosed: break
    }
    self.condition = condition
  }

  /// - Returns: The verdicts of that time, each once.
  @discardableResult
  mutating func pass(seconds: Int64) -> [Machine.Verdict] {
    var verdicts: [Machine.Verdict] = []
    for _ in 0..<(seconds * 10) {
      self.now = self.now.advanced(by: .milliseconds(100))
      self.step()
      switch self.machine.timePassed(at: self.now) {
      case .none: break
      case .look: self.machine.looked(self.sight(), at: self.now)
      case .canary:
        self.canaryAskedAt = self.now
        self.canaryCount += 1
      }
      if self.canaryAskedAt != nil, self.condition == .rests || self.condition == .decodes {
        self.stepCount += 1
        self.canaryAskedAt = nil
        self.machine.canaryAnswered(at: self.now)
      }
      let verdict = self.machine.verdict
      if verdicts.last != verdict { verdicts.append(verdict) }
    }
    return verdicts
  }

  private mutating func step() {
    switch self.condition {
    case .decodes:
      self.stepCount += 10
      self.processorTime += .milliseconds(90)
    case .prefills: self.processorTime += .milliseconds(100)
    case .rests, .hangs, .serverHangs, .portIsClosed: self.processorTime += .milliseconds(1)
    case .isStopped: break
    }
  }

  private mutating func sight() -> LivenessSight {
    if self.badLookCount > 0 {
      self.badLookCount -= 1
      return LivenessSight(.unanswered("no answer in time"), processorTime: self.processorTime)
    }
    let counters = EngineCounters(running: self.running, waiting: 0, moving: [self.stepCount, nil])
    if self.isBlind { return LivenessSight(.fine(nil), processorTime: self.processorTime) }
    switch self.condition {
    case .serverHangs: return LivenessSight(.unanswered("no answer in time"))
    case .portIsClosed: return LivenessSight(.refused("nobody accepts connections"))
    case .isStopped:
      return LivenessSight(
        .fine(counters), processorTime: self.processorTime,
        stoppedProcess: "process 7 (VLLM::EngineCor)")
    case .rests, .decodes, .prefills, .hangs:
      return LivenessSight(.fine(counters), processorTime: self.processorTime)
    }
  }
}

extension LivenessMachine.Verdict {
  fileprivate var isStalled: Bool {
    if case .stalled = self { true } else { false }
  }

  fileprivate var isBusy: Bool {
    if case .busy = self { true } else { false }
  }
}

@Suite
struct `Whether what serves is alive` {
  @Test func `an engine that rests is asked now and then, and is fine`() {
    var world = EngineWorld()
    #expect(world.pass(seconds: 300) == [.fine])
    #expect(10...20 ~= world.canaryCount)
  }

  @Test func `an engine that works is not asked`() {
    var world = EngineWorld()
    world.set(.decodes)
    #expect(world.pass(seconds: 300) == [.fine])
    #expect(world.canaryCount == 0)
  }

  @Test func `one that hangs with work is stalled within 15 s, and fine when it moves again`() {
    var world = EngineWorld()
    world.set(.decodes)
    world.pass(seconds: 60)
    world.set(.hangs)
    let verdicts = world.pass(seconds: 15)
    #expect(verdicts.last?.isStalled == true, "\(verdicts)")
    #expect(verdicts.contains { $0.isBusy })
    world.set(.decodes)
    #expect(world.pass(seconds: 3).last == .fine)
  }

  @Test func `one that hangs while it rests is stalled within a canary interval`() {
    for restedSeconds: Int64 in 1...45 {
      var world = EngineWorld()
      world.pass(seconds: restedSeconds)
      world.set(.hangs)
      // What it never saw is in no gauge.
      world.running = 0
      #expect(world.pass(seconds: 30).last?.isStalled == true, "rested \(restedSeconds) s")
      world.set(.rests)
      #expect(world.pass(seconds: 3).last == .fine)
    }
  }

  @Test func `a process that is stopped is named`() {
    var world = EngineWorld()
    world.pass(seconds: 5)
    world.set(.isStopped)
    let reason = "process 7 (VLLM::EngineCor) is stopped"
    #expect(world.pass(seconds: 5).last == .stalled(reason))
    world.set(.rests)
    #expect(world.pass(seconds: 3).last == .fine)
  }

  @Test func `a long prefill is busy, and stalled only when it takes longer than any can`() {
    var world = EngineWorld()
    world.set(.decodes)
    world.pass(seconds: 20)
    world.set(.prefills)
    #expect(!world.pass(seconds: 290).contains { $0.isStalled })
    #expect(world.machine.verdict.isBusy)
    #expect(world.pass(seconds: 20).last?.isStalled == true)
  }

  @Test(arguments: [EngineWorld.Condition.serverHangs, .portIsClosed])
  fileprivate func `a server that answers nothing is busy, then stalled`(
    condition: EngineWorld.Condition
  ) {
    var world = EngineWorld()
    world.pass(seconds: 5)
    world.set(condition)
    let verdicts = world.pass(seconds: 15)
    #expect(verdicts.contains { $0.isBusy } && verdicts.last?.isStalled == true, "\(verdicts)")
  }

  @Test
  func `metrics that cannot be read are no word on it: completions are, and old work is none`() {
    var world = EngineWorld()
    world.set(.decodes)
    world.pass(seconds: 20)
    world.isBlind = true
    #expect(!world.pass(seconds: 300).contains { $0.isStalled || $0.isBusy })
    #expect(world.canaryCount > 5)
    // Requests ran when the counters were seen last; now only a completion shows that nothing moves.
    world.set(.hangs)
    #expect(world.pass(seconds: 30).last?.isStalled == true)
    world.set(.decodes)
    #expect(world.pass(seconds: 3).last == .fine)
  }

  @Test func `one look that shows no counters changes nothing of a hung engine's verdict`() {
    var world = EngineWorld()
    world.set(.decodes)
    world.pass(seconds: 20)
    world.set(.hangs)
    world.pass(seconds: 15)
    for _ in 0..<5 {
      world.isBlind = true
      #expect(!world.pass(seconds: 2).contains(.fine))
      world.isBlind = false
      #expect(!world.pass(seconds: 4).contains(.fine))
    }
  }

  @Test func `one bad look changes nothing`() {
    var world = EngineWorld()
    for _ in 0..<50 {
      world.badLookCount = 1
      #expect(world.pass(seconds: 7) == [.fine])
    }
  }

  @Test func `one look that is lost while requests run changes nothing, however long it takes`() {
    var machine = Machine(asksCanaries: true, at: 0)
    func sight(_ steps: Double, _ processorTime: Duration) -> LivenessSight {
      LivenessSight(
        .fine(EngineCounters(running: 4, waiting: 0, moving: [steps])),
        processorTime: processorTime)
    }
    #expect(machine.timePassed(at: 2000) == .look)
    machine.looked(sight(1, .seconds(1)), at: 2000)
    #expect(machine.timePassed(at: 4000) == .look)
    machine.looked(sight(2, .seconds(2)), at: 4000)
    #expect(machine.timePassed(at: 6000) == .look)
    for now: ManualInstant in [8000, 10_000, 12_000] {
      #expect(machine.timePassed(at: now) == .none)
      #expect(machine.verdict == .fine)
    }
    machine.looked(LivenessSight(.unanswered("no answer")), at: 12_000)
    #expect(machine.verdict == .fine)
  }

  /// At work on one long step, of half a core.
  private static func sight(at instant: ManualInstant) -> LivenessSight {
    LivenessSight(
      .fine(EngineCounters(running: 4, waiting: 0, moving: [1])),
      processorTime: .milliseconds(instant.milliseconds / 2))
  }

  @Test func `processor time is of when the look began`() {
    var machine = Machine(asksCanaries: false, at: 0)
    for look: Int64 in 1...20 {
      let began = ManualInstant(milliseconds: look * 10_000)
      for before: Int64 in [2, 0] {
        _ = machine.timePassed(at: began.advanced(by: .seconds(-before)))
      }
      machine.looked(Self.sight(at: began), at: began)
      // The next answer takes six seconds.
      let next = began.advanced(by: .seconds(2))
      for second: Int64 in 0...5 {
        _ = machine.timePassed(at: next.advanced(by: .seconds(second)))
      }
      machine.looked(Self.sight(at: next), at: next.advanced(by: .milliseconds(5900)))
      #expect(!machine.verdict.isStalled, "look \(look)")
    }
    #expect(machine.verdict.isBusy)
  }

  @Test func `what an agent learns just after it did not run is of then, and not of later`() {
    var world = EngineWorld()
    world.set(.decodes)
    world.pass(seconds: 20)
    world.now = world.now.advanced(by: .seconds(60))
    // An answer that had come meanwhile is read before the clock.
    world.machine.looked(
      LivenessSight(
        .fine(EngineCounters(running: 4, waiting: 0, moving: [world.stepCount, nil]))),
      at: world.now)
    world.set(.hangs)
    #expect(world.pass(seconds: 15).last?.isStalled == true)
  }

  @Test func `completions that time out while one long step is computed are no stall`() {
    var machine = Machine(asksCanaries: true, at: 0)
    var verdicts: [Machine.Verdict] = []
    for second: Int64 in 1...290 {
      let now = ManualInstant(milliseconds: second * 1000)
      switch machine.timePassed(at: now) {
      case .none: break
      case .look:
        machine.looked(
          LivenessSight(
            .fine(EngineCounters(running: 0, waiting: 0, moving: [0])),
            processorTime: .seconds(second)),
          at: now)
      case .canary: machine.canaryFailed("no answer in time", at: now)
      }
      verdicts.append(machine.verdict)
    }
    #expect(!verdicts.contains { $0.isStalled }, "\(verdicts)")
    #expect(verdicts.last == .busy("no answer in time"))
  }

  @Test func `after a pause of the agent it takes two looks to tell whether something computes`() {
    var machine = Machine(asksCanaries: false, at: 0)
    for second: Int64 in 1...40 {
      let now = ManualInstant(milliseconds: second * 1000)
      if machine.timePassed(at: now) == .look { machine.looked(Self.sight(at: now), at: now) }
    }
    // The last answer before the pause takes long.
    for now: ManualInstant in [42_000, 44_000, 46_000, 47_900] {
      _ = machine.timePassed(at: now)
    }
    machine.looked(Self.sight(at: 42_000), at: 47_900)
    for now: ManualInstant in [90_000, 92_000, 94_000] {
      _ = machine.timePassed(at: now)
      machine.looked(Self.sight(at: now), at: now)
      #expect(machine.verdict.isBusy, "\(now)")
    }
  }

  @Test func `a look that began before a pause of the whole node tells nothing of processor time`()
  {
    var machine = Machine(asksCanaries: false, at: 0)
    for second: Int64 in 1...41 {
      let now = ManualInstant(milliseconds: second * 1000)
      if machine.timePassed(at: now) == .look { machine.looked(Self.sight(at: now), at: now) }
    }
    #expect(machine.timePassed(at: 42_000) == .look)
    #expect(machine.timePassed(at: 90_000) == .none)
    machine.looked(Self.sight(at: 42_000), at: 90_100)
    // Nothing computed meanwhile, for the node stood still; now it does again.
    for (now, computed) in [(92_100, 44_000), (94_100, 46_000)] as [(Int64, Int64)] {
      #expect(machine.timePassed(at: ManualInstant(milliseconds: now)) == .look)
      let sight = Self.sight(at: ManualInstant(milliseconds: computed))
      machine.looked(sight, at: ManualInstant(milliseconds: now))
      #expect(!machine.verdict.isStalled, "\(now)")
    }
  }

  @Test func `two looks at a dead engine are needed, and enough`() {
    var machine = Machine(asksCanaries: true, at: 0)
    machine.looked(LivenessSight(.dead("503")), at: 100)
    #expect(machine.verdict == .fine)
    machine.looked(LivenessSight(.dead("503")), at: 200)
    #expect(machine.verdict == .dead("503"))
  }

  @Test func `an agent that did not run blames nobody`() {
    for condition in [EngineWorld.Condition.rests, .decodes] {
      var world = EngineWorld()
      world.set(condition)
      world.pass(seconds: 30)
      world.now = world.now.advanced(by: .seconds(3600))
      #expect(world.pass(seconds: 60) == [.fine])
    }
  }

  /// Whatever a living engine does in whatever order, it is never called stalled; and one that hangs
  /// in the end always is.
  @Test(arguments: 0..<200 as Range<UInt64>)
  func `no false word, and no missed end`(seed: UInt64) {
    var draw = SplitMix64(state: seed)
    var world = EngineWorld()
    for _ in 0..<30 {
      world.set([.rests, .decodes, .prefills][Int.random(in: 0..<3, using: &draw)])
      if Int.random(in: 0..<4, using: &draw) == 0 { world.badLookCount = 1 }
      if Int.random(in: 0..<8, using: &draw) == 0 {
        world.now = world.now.advanced(by: .seconds(Int64.random(in: 4...100, using: &draw)))
      }
      let verdicts = world.pass(seconds: Int64.random(in: 1...60, using: &draw))
      #expect(!verdicts.contains { $0.isStalled }, "\(verdicts)")
      // A prefill ends with a token.
      world.stepCount += 1
      world.badLookCount = 0
    }
    world.set(.hangs)
    #expect(world.pass(seconds: 15).last?.isStalled == true)
  }
}
