import Coordinator
import Fleet
import Health
import Launch
import Plan
import Recipes
import RunStore
import Runs
import Testing

@testable import FleetView

/// What led to a state, and what to do about it.
struct EventChainTests {
  /// Two nodes; `base` on both, `top` on the first.
  static let plan = Plan(
    name: "test",
    nodes: [Plan.Node(name: "n1", link: .local), Plan.Node(name: "n2", link: .local)],
    services: [("base", ["n1", "n2"]), ("top", ["n1"])].map { name, nodes in
      Plan.Service(
        name: name, recipe: "command",
        replicas: nodes.enumerated().map { index, node in
          Plan.Replica(index: index, node: node, launch: LaunchSpecification(argv: ["a"]))
        })
    })
  static let base = ReplicaKey(service: "base", index: 0)

  static func journal(
    _ milliseconds: Int64, _ kind: String, _ subject: String, _ detail: String = "{}"
  ) -> ChainEvent {
    ChainEvent(
      JournalEvent(milliseconds: milliseconds, kind: kind, subject: subject, detail: detail))
  }

  static func state(_ milliseconds: Int64, _ what: String, _ reason: String = "") -> ChainEvent {
    ChainEvent(
      milliseconds: milliseconds, node: "n1", replica: Self.base, what: what, reason: reason)
  }

  static func words(_ chain: EventChain) -> [String] {
    chain.events.map { "\($0.milliseconds) \($0.what)\($0.count > 1 ? " ×\($0.count)" : "")" }
  }

  @Test func `the journal and the agents are one story, each state told once`() throws {
    let subject = try #require(ChainSubject("base/0", in: Self.plan))
    let chain = EventChain(
      of: subject, in: Self.plan,
      journal: [
        Self.journal(1, "attached", "n1", #"{"pid":7}"#), Self.journal(2, "start", "base"),
        Self.journal(6, "starting", "base/0", #"{"node":"n1","reason":""}"#),
        Self.journal(7, "starting", "base/1", #"{"node":"n2","reason":""}"#),
        Self.journal(8, "start", "top"), Self.journal(9, "attached", "n2"),
      ],
      agents: [Self.state(5, "starting"), Self.state(7, "failed", "gone")])
    #expect(Self.words(chain) == ["1 attached", "2 start", "5 starting", "7 failed"])
    #expect(chain.lastState(of: Self.base)?.reason == "gone")
  }

  @Test func `what is said again and again is one event with a count`() throws {
    let chain = EventChain(
      of: .node("n1"), in: Self.plan,
      journal: [
        Self.journal(1, "faulted", "n1", #"{"summary":"no route"}"#),
        Self.journal(2, "start", "base"),
        Self.journal(3, "faulted", "n1", #"{"summary":"no route"}"#),
        Self.journal(4, "faulted", "n1", #"{"summary":"refused"}"#),
      ], agents: [])
    #expect(Self.words(chain) == ["1 faulted ×2", "2 start", "4 faulted"])
    #expect(chain.events.first?.lastMilliseconds == 3)
    #expect(chain.unreachableSince("n1") == 4)
  }

  @Test func `the last lines of what failed come from the journal too`() {
    let chain = EventChain(
      of: .service("base"), in: Self.plan,
      journal: [
        Self.journal(
          1, "failed", "base/0", #"{"node":"n1","reason":"status 3","log":"one\ntwo"}"#)
      ], agents: [])
    #expect(chain.failures.map(\.lines) == [["one", "two"]])
  }

  @Test func `a service, a node, a replica and nothing are told apart`() {
    #expect(ChainSubject("base", in: Self.plan) == .service("base"))
    #expect(ChainSubject("n2", in: Self.plan) == .node("n2"))
    #expect(
      ChainSubject("base/1", in: Self.plan) == .replica(ReplicaKey(service: "base", index: 1)))
    #expect(ChainSubject("base/2", in: Self.plan) == nil)
    #expect(ChainSubject("x", in: Self.plan) == nil)
  }

  @Test func `the next command follows from the worst that is known`() {
    func next(
      _ state: ReplicaPhase?, isOver: Bool = false, unreachable: [String] = [],
      agents: [ChainEvent] = []
    ) -> String {
      let report = state.map { ReplicaReport(node: "n1", key: Self.base, state: $0) }
      return NextStep(
        manifest: "my file.yaml", isOver: isOver,
        replicas: [.init(key: Self.base, node: "n1", report: report)], unreachable: unreachable,
        chain: EventChain(of: .node("n1"), in: Self.plan, journal: [], agents: agents)
      ).command
    }
    #expect(next(.failed) == "muster logs 'my file.yaml' base/0 -n 200")
    #expect(next(.stalled).hasPrefix("muster logs"))
    #expect(next(.failed, isOver: true) == "muster up 'my file.yaml'")
    #expect(next(nil, unreachable: ["n1"]) == "muster check --nodes 'my file.yaml'")
    let xid = ChainEvent(milliseconds: 1, node: "n1", what: "xid", reason: "79")
    #expect(next(.ready, agents: [xid]) == "muster check --nodes 'my file.yaml'")
    #expect(next(.loading) == "muster attach 'my file.yaml'")
    #expect(next(.stopping) == "muster down 'my file.yaml'")
    #expect(next(nil) == "muster up 'my file.yaml'")
    #expect(next(.ready) == "muster status 'my file.yaml'")
  }

  @Test func `times are UTC`() {
    #expect(ChainEvent.time(1_795_241_700_999) == "2026-11-21T06:15:00Z")
  }
}
