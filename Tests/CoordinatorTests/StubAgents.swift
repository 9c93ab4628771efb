@testable import Coordinator
import Fleet
import Health
import Launch
import Plan
import Synchronization

/// Agents in memory, of which a test says what becomes of what is started.
final class StubAgents: LaunchConnector {
  private struct State {
    var statuses: [ReplicaKey: ReplicaStatus] = [:]
    var startCounts: [ReplicaKey: Int] = [:]
    var abandoned: [ReplicaKey] = []
    var breakCount: Int
    var listeners: [AsyncStream<Void>.Continuation] = []
  }

  let epoch: UInt64 = 7
  private let outcomes: [ReplicaKey: ReplicaPhase]
  private let state: Mutex<State>

  /// - Parameters:
  ///   - found: What runs, or has ended, by another's order; what loads fails as soon as it is to be started.
  ///   - outcomes: Of a start; `ready` where nothing is said.
  ///   - breakCount: Links that break when something has been started over them, before they tell of it.
  init(
    found: [ReplicaKey: ReplicaPhase] = [:], outcomes: [ReplicaKey: ReplicaPhase] = [:],
    breakCount: Int = 0
  ) {
    self.outcomes = outcomes
    var state = State(breakCount: breakCount)
    for (key, phase) in found {
      var status = ReplicaStatus(key: key, state: phase)
      status.startedBy = 1
      state.statuses[key] = status
    }
    self.state = Mutex(state)
  }

  var startCounts: [ReplicaKey: Int] { self.state.withLock { $0.startCounts } }
  var abandoned: [ReplicaKey] { self.state.withLock { $0.abandoned.sorted() } }
  var statuses: [ReplicaStatus] {
    self.state.withLock { $0.statuses.values.sorted { $0.key < $1.key } }
  }

  func withSession(
    to node: Plan.Node, _ body: @escaping @Sendable (Session) async throws -> Void
  ) async throws(NodeFault) {
    let found = self.statuses.map { ReplicaReport($0, node: node.name) }
    do {
      try await body(Session(agents: self, node: node.name, found: found))
    } catch {
      throw NodeFault(node: node.name, kind: .unreachable, Diagnostic(code: "lost", "\(error)"))
    }
  }

  /// - Returns: Whether the link breaks.
  private func start(_ keys: [ReplicaKey]) -> Bool {
    let (breaks, listeners) = self.state.withLock { state in
      for key in keys {
        if state.statuses[key]?.state.isFinal == false {
          if state.statuses[key]?.state == .loading { state.statuses[key]?.state = .failed }
          continue
        }
        var status = ReplicaStatus(key: key, state: self.outcomes[key] ?? .ready)
        status.attempt = (state.statuses[key]?.attempt ?? 0) + 1
        status.startedBy = self.epoch
        state.statuses[key] = status
        state.startCounts[key, default: 0] += 1
      }
      let breaks = state.breakCount > 0 && !keys.isEmpty
      if breaks { state.breakCount -= 1 }
      return (breaks, state.listeners)
    }
    if !breaks { for listener in listeners { listener.yield() } }
    return breaks
  }

  private func abandon(_ keys: [ReplicaKey]) {
    self.state.withLock { state in
      state.abandoned += keys.filter { state.statuses[$0]?.startedBy == self.epoch }
    }
  }

  private func rings() -> AsyncStream<Void> {
    let (stream, listener) = AsyncStream.makeStream(of: Void.self)
    listener.yield()
    self.state.withLock { $0.listeners.append(listener) }
    return stream
  }

  struct Session: LaunchSession {
    private struct Broken: Error {}

    let agents: StubAgents
    let node: String
    let found: [ReplicaReport]
    let processID: Int64 = 1

    func examine(
      _ plan: Plan, _ now: @Sendable () -> Int64
    ) async throws(NodeFault) -> PreflightAnswer {
      PreflightAnswer(node: self.node, facts: .init())
    }

    func watch(_ hear: @escaping @Sendable (ReplicaReport) async -> Void) async throws {
      var told: [ReplicaKey: ReplicaStatus] = [:]
      for await _ in self.agents.rings() {
        for status in self.agents.statuses where told[status.key] != status {
          told[status.key] = status
          await hear(ReplicaReport(status, node: self.node))
        }
      }
      throw Broken()
    }

    func start(_ services: [Plan.Service]) async throws(NodeFault) -> [ReplicaReport] {
      let keys = services.flatMap { $0.specifications(on: self.node) }.map(\.key)
      if self.agents.start(keys) {
        throw NodeFault(node: self.node, kind: .unreachable, Diagnostic(code: "cut", "cut"))
      }
      // The answer was written before the replicas went on, and comes after the watch has told of that.
      try? await ContinuousClock().sleep(for: .milliseconds(2))
      return self.agents.statuses.map { status in
        var status = status
        if keys.contains(status.key), status.startedBy == 7 { status.state = .waiting }
        return ReplicaReport(status, node: self.node)
      }
    }

    func abandon(_ plan: Plan) async throws(NodeFault) -> NodeRemains {
      self.agents.abandon(plan.services.flatMap { $0.specifications(on: self.node) }.map(\.key))
      var remains = NodeRemains(leftovers: [])
      remains.living = self.agents.statuses.filter { !$0.state.isFinal && $0.startedBy != 7 }
        .map(\.key.description)
      return remains
    }
  }
}
