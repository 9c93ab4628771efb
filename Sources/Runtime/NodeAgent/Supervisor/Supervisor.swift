import Health
import Launch
import Synchronization

/// Which replicas are to stop.
struct StopOrder: Equatable, Sendable {
  /// Empty: all.
  var services: Set<String> = []
  /// Empty: all of those services.
  var replicas: Set<ReplicaKey> = []
  /// Of those only what this coordinator has had started; `nil`: by whomever.
  var starter: UInt64?

  func means(_ key: ReplicaKey, startedBy: UInt64?) -> Bool {
    (self.services.isEmpty || self.services.contains(key.service))
      && (self.replicas.isEmpty || self.replicas.contains(key))
      && (self.starter == nil || self.starter == startedBy)
  }
}

/// Starts, keeps and stops the replicas of one run on one node, and takes up those that a daemon
/// before this one started.
final class Supervisor<Ground: ReplicaGround>: Sendable {
  typealias Run = ReplicaRun<Ground>
  /// What a replica stands on, its first attempt's number and its secrets given.
  typealias MakeGround = @Sendable (ReplicaSpecification, Int, [String: String]) -> Ground

  /// A replica that is to be seen through; one that runs already, with where it was left.
  private typealias Order = (run: Run, former: Run.Former?)

  private let context: Run.Context
  private let makeGround: MakeGround
  private let runs = Mutex<[ReplicaKey: Run]>([:])
  private let orders: AsyncStream<Order>
  private let ordersContinuation: AsyncStream<Order>.Continuation

  var board: StatusBoard { self.context.board }

  init(context: Run.Context, makeGround: @escaping MakeGround) {
    self.context = context
    self.makeGround = makeGround
    // No more than NodeLimits.replicaCountMax wait in it, each once.
    (self.orders, self.ordersContinuation) = AsyncStream.makeStream()
  }

  /// Carries orders out until the task is cancelled. Replicas stay as they are then.
  func run() async {
    await withDiscardingTaskGroup { tasks in
      for await order in self.orders {
        tasks.addTask { await order.run.run(adopting: order.former) }
      }
    }
  }

  /// Starts what does not run; what is on its way down, once it is down.
  ///
  /// - Parameters:
  ///   - replicas: Checked.
  ///   - starter: The epoch of the coordinator that asks for it.
  ///   - secrets: Those that the replicas name.
  ///   - check: Throws where that coordinator may not start anything any more: it may have waited long.
  func start(
    _ replicas: [ReplicaSpecification], secrets: [String: String], by starter: UInt64,
    check: () throws -> Void = {}
  ) async throws {
    let leaving = self.runs.withLock { $0.filter { $0.value.isLeaving } }
    for replica in replicas where leaving[replica.key] == nil {
      try await self.begin(replica, secrets: secrets, by: starter)
    }
    for replica in replicas {
      guard let former = leaving[replica.key] else { continue }
      for await _ in self.board.bell.rings() where former.isOver { break }
      try Task.checkCancellation()
      try check()
      try await self.begin(replica, secrets: secrets, by: starter)
    }
  }

  private func begin(
    _ replica: ReplicaSpecification, secrets: [String: String], by starter: UInt64
  ) async throws {
    guard let run = self.makeRun(replica, secrets: secrets, by: starter) else { return }
    do {
      try await run.ground.prepare()
      await run.tell()
      self.ordersContinuation.yield((run, nil))
    } catch {
      // Ends without a launch, as a failure with its reason: whoever watches hears of that, whoever stops
      // it waits for its end.
      run.find(over: "\(error)")
      self.ordersContinuation.yield((run, nil))
      for await _ in self.board.bell.rings() where run.isOver { break }
      throw error
    }
  }

  /// `nil` where it runs already.
  private func makeRun(
    _ replica: ReplicaSpecification, secrets: [String: String], by starter: UInt64
  ) -> Run? {
    self.runs.withLock { runs in
      let former = runs[replica.key]
      if let former, !former.isOver { return nil }
      let run = self.run(
        replica, attempt: (former?.attempt ?? 0) + 1,
        restartCountMax: replica.launch.restartCountMax ?? 0, startedBy: starter,
        secrets: secrets.filter { replica.launch.secrets.contains($0.key) })
      runs[replica.key] = run
      return run
    }
  }

  private func run(
    _ replica: ReplicaSpecification, attempt: Int, restartCountMax: Int, startedBy starter: UInt64?,
    secrets: [String: String]
  ) -> Run {
    Run(
      Run.Life(
        replica, attempt: attempt, restartCountMax: restartCountMax, startedBy: starter,
        at: self.context.wallClockMilliseconds()),
      on: self.makeGround(replica, attempt, secrets), context: self.context)
  }

  /// How many replicas there would be, with these.
  func count(with replicas: [ReplicaSpecification]) -> Int {
    self.runs.withLock { Set($0.keys).union(replicas.map(\.key)).count }
  }

  /// Tells replicas to stop; returns when each is over.
  ///
  /// - Returns: What is left of them, in the order of their keys.
  func stop(_ order: StopOrder) async -> ReplicaRemains {
    let runs = self.runs.withLock { runs in
      let wanted = runs.sorted { $0.key < $1.key }.map(\.value)
        .filter { order.means($0.key, startedBy: $0.startedBy) }
      for run in wanted { run.askToStop() }
      return wanted
    }
    for await _ in self.board.bell.rings() where runs.allSatisfy(\.isOver) { break }
    var remains = ReplicaRemains()
    for run in runs {
      remains.leftovers += run.remains.leftovers.map { "\(run.key): \($0)" }
      remains.foreign += run.remains.foreign.map { "\(run.key): \($0)" }
    }
    return remains
  }

  /// Those that are not over, in order, when all has been told of those that are: a caller may have seen
  /// a last state a moment before.
  func living() async -> [ReplicaKey] {
    let runs = self.runs.withLock { $0 }
    for await _ in self.board.bell.rings() where runs.values.allSatisfy({ !$0.isEnding }) { break }
    return self.runs.withLock { runs in runs.filter { !$0.value.isOver }.keys.sorted() }
  }

  /// `nil` where there is no such replica.
  func run(of key: ReplicaKey) -> Run? { self.runs.withLock { $0[key] } }

  /// Replicas that are not over, in the order of their keys.
  var livingReplicas: [ReplicaSpecification] {
    self.runs.withLock { runs in
      runs.values.map { $0.life.withLock { $0 } }.filter { !$0.isOver }.map(\.replica)
        .sorted { $0.key < $1.key }
    }
  }
}

// MARK: On this machine

typealias HostSupervisor<RunClock: Clock & Sendable> = Supervisor<HostGround<RunClock>>
where RunClock.Duration == Duration

extension Supervisor {
  /// Takes up what a daemon before this one has left running, and shows what does not run; returns when
  /// it is known how each is now.
  func adopt<RunClock>(in state: StateFolder, _ blocking: BlockingCalls) async throws
  where Ground == HostGround<RunClock> {
    let found = try await blocking.run { FormerReplica.all(in: state) }
    for former in found.prefix(NodeLimits.replicaCountMax) {
      let secrets = try await blocking.run { former.secrets }
      // Without one of them it is not started again, nor where it was given up.
      let mayRestart =
        former.status?.state != .failed
        && former.replica.launch.secrets.allSatisfy { secrets[$0] != nil }
      let run = self.run(
        former.replica, attempt: former.attempt,
        restartCountMax: mayRestart ? former.replica.launch.restartCountMax ?? 0 : 0,
        startedBy: former.status?.startedBy, secrets: secrets)
      self.runs.withLock { $0[run.key] = run }
      switch former.fate {
      case .runs(let start):
        let attempt = run.ground.attempt(former.attempt, start)
        self.ordersContinuation.yield((run, (attempt, former.status)))
      case .lost(let reason):
        let strays = try await blocking.run { run.ground.endStrays() }
        run.find(over: ([reason] + strays).joined(separator: "; "))
        await run.run()
      case .over(let reason):
        run.find(over: reason)
        await run.run()
      }
    }
    let keys = self.runs.withLock { Array($0.keys) }
    for await _ in self.board.bell.rings()
    where keys.allSatisfy({ self.board.status(of: $0) != nil }) { break }
  }
}
