import Coordinator
import Fleet
import Health
import Launch
import Plan
import Testing

/// Launches over links, beyond the first link and the first attempt.
@Suite(.timeLimit(.minutes(1)))
struct ServiceLauncherTests {
  private static let a0 = ReplicaKey(service: "a", index: 0)
  private static let a1 = ReplicaKey(service: "a", index: 1)
  private static let b0 = ReplicaKey(service: "b", index: 0)

  /// `a` twice and `b` after it, all on one node.
  private static let plan = Plan(
    name: "test", nodes: [Plan.Node(name: "n1", link: .local)],
    services: [
      Self.service("b", 1, after: ["a"]), Self.service("a", 2),
    ])

  private static func service(_ name: String, _ count: Int, after: [String] = []) -> Plan.Service {
    Plan.Service(
      name: name, recipe: "command", after: after,
      replicas: (0..<count).map {
        Plan.Replica(index: $0, node: "n1", launch: LaunchSpecification(argv: ["a"]))
      })
  }

  private static let settings = LaunchMachine<ContinuousClock.Instant>.Settings(
    attachTimeout: .seconds(20), reportGrace: .seconds(5))

  private static func launch(_ agents: StubAgents) async -> LaunchResult {
    await ServiceLauncher(
      plan: Self.plan, connector: agents, clock: ContinuousClock(), settings: Self.settings
    ) { _ in }.launch()
  }

  private static func restart(
    _ replicas: Set<ReplicaKey>, _ agents: StubAgents
  ) async -> LaunchResult {
    await ReplicaRestart(
      plan: Self.plan, connector: agents, clock: ContinuousClock(), settings: Self.settings
    ) { _ in }.start(replicas)
  }

  @Test func `what fails while the link is down is not begun a second time`() async {
    let agents = StubAgents(outcomes: [Self.a1: .failed], breakCount: 1)
    let result = await Self.launch(agents)
    #expect(result.culprit == .service && result.reasons.map(\.code) == ["replica-failed"])
    #expect(agents.startCounts == [Self.a0: 1, Self.a1: 1])
    #expect(agents.abandoned == [Self.a0, Self.a1] && result.isOver)
  }

  @Test func `on a run that is there only what has ended is begun, and its failure ends no other`()
    async
  {
    let agents = StubAgents(
      found: [Self.a0: .ready, Self.a1: .failed], outcomes: [Self.a1: .failed])
    let result = await Self.launch(agents)
    #expect(result.reasons.map(\.code) == ["replica-failed"] && !result.isOver)
    #expect(agents.startCounts == [Self.a1: 1] && agents.abandoned == [Self.a1])
    let mended = StubAgents(found: [Self.a0: .ready, Self.a1: .failed, Self.b0: .stopped])
    #expect(await Self.launch(mended) == LaunchResult())
    #expect(mended.startCounts == [Self.a1: 1, Self.b0: 1] && mended.abandoned == [])
  }

  @Test(arguments: 0..<200 as Range<UInt64>)
  func `whatever was there, each is begun once if it does not run, and no other is stopped`(
    seed: UInt64
  ) async {
    var random = SplitMix64(state: seed)
    let keys = [Self.a0, Self.a1, Self.b0]
    var (found, outcomes) = ([ReplicaKey: ReplicaPhase](), [ReplicaKey: ReplicaPhase]())
    for key in keys {
      let phases: [ReplicaPhase?] = [nil, .ready, .busy, .failed, .stopped, .loading]
      found[key] = phases[Int.random(in: 0..<phases.count, using: &random)]
      if Int.random(in: 0..<4, using: &random) == 0 { outcomes[key] = .failed }
    }
    let agents = StubAgents(found: found, outcomes: outcomes)
    let result = await Self.launch(agents)
    let toBegin = keys.filter { ![.ready, .busy].contains(found[$0]) }
    let begun = agents.startCounts
    #expect(begun.values.allSatisfy { $0 == 1 } && Set(begun.keys).isSubset(of: toBegin))
    #expect(Set(agents.abandoned).isSubset(of: begun.keys))
    let fails = toBegin.contains { outcomes[$0] == .failed }
    #expect(result.reasons.isEmpty == !fails, "\(found) \(outcomes) \(result)")
    if !fails { #expect(Set(begun.keys) == Set(toBegin)) }
  }

  @Test func `each is restarted by itself, and one that fails ends no other`() async {
    let found: [ReplicaKey: ReplicaPhase] = [Self.a0: .stopped, Self.a1: .stopped, Self.b0: .ready]
    let agents = StubAgents(found: found, outcomes: [Self.a0: .failed])
    let result = await Self.restart([Self.a0, Self.a1], agents)
    #expect(result.culprit == .service && result.reasons.map(\.code) == ["replica-failed"])
    #expect(agents.startCounts == [Self.a0: 1, Self.a1: 1] && agents.abandoned == [Self.a0])
    let all = StubAgents(found: found.mapValues { _ in .stopped })
    #expect(await Self.restart([Self.a0, Self.b0], all) == LaunchResult())
    #expect(all.startCounts == [Self.a0: 1, Self.b0: 1])
  }
}
