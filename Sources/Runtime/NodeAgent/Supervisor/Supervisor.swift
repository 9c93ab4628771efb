import Glibc
import Health
import Launch
import NIOCore
import NodeAPI
import Synchronization

/// Starts, keeps and stops the replicas of one run on one node, and takes up those that a daemon
/// before this one started.
final class Supervisor<RunClock: Clock & Sendable>: Sendable where RunClock.Duration == Duration {
  typealias Run = ReplicaRun<RunClock>

  private enum Order: Sendable {
    case launch(Run)
    case adopt(Run, ProcessRecord.Start, ReplicaAdoption)
  }

  private let identity: AgentIdentity
  private let state: StateFolder
  private let environment: [String: String]
  private let context: Run.Context
  private let runs = Mutex<[ReplicaKey: Run]>([:])
  private let orders: AsyncStream<Order>
  private let ordersContinuation: AsyncStream<Order>.Continuation

  var board: StatusBoard { self.context.board }

  /// - Parameter environment: Of the daemon.
  init(
    _ identity: AgentIdentity, state: StateFolder, environment: [String: String],
    context: Run.Context
  ) {
    self.identity = identity
    self.state = state
    self.environment = environment
    self.context = context
    // No more than NodeLimits.replicaCountMax wait in it, each once.
    (self.orders, self.ordersContinuation) = AsyncStream.makeStream()
  }

  /// Carries orders out until the task is cancelled. Replicas stay as they are then.
  func run() async {
    await withDiscardingTaskGroup { tasks in
      for await order in self.orders {
        tasks.addTask {
          switch order {
          case .launch(let run):
            await run.run()
            await self.startAgain(after: run)
          case .adopt(let run, let start, let adoption):
            await run.run(adopting: start, as: adoption)
            await self.startAgain(after: run)
          }
        }
      }
    }
  }

  /// Makes further attempts as long as a failure allows one.
  private func startAgain(after first: Run) async {
    var run = first
    while let instant = run.restartInstant, !Task.isCancelled {
      while self.context.clock.now < instant, !run.stopIsAsked, !Task.isCancelled {
        try? await self.context.clock.sleep(for: .milliseconds(100))
      }
      if Task.isCancelled { return }
      // Under the lock, so that who stops it meets the one or the other.
      let next: Run? = self.runs.withLock { runs in
        if run.stopIsAsked { return nil }
        let next = run.successor()
        runs[run.key] = next
        return next
      }
      guard let next else { return await run.abandonRestart() }
      await next.post()
      await next.run()
      run = next
    }
  }

  /// Starts what does not run.
  ///
  /// - Parameters:
  ///   - replicas: Checked.
  ///   - secrets: Those that the replicas name.
  func start(_ replicas: [ReplicaSpecification], secrets: [String: String]) async throws {
    for replica in replicas {
      let folder = ReplicaFolder(of: replica.key, in: self.state)
      if let run = self.makeRun(replica, in: folder, secrets: secrets) {
        let scripts = ReplicaScripts(replica: replica, identity: self.identity)
        try await self.context.blocking.run {
          try PlainFile.makeFolders(folder.path)
          try PlainFile.publish(try replica.json(), at: folder.spec)
          try scripts.publish(in: folder)
        }
        await run.post()
        self.ordersContinuation.yield(.launch(run))
      }
    }
  }

  /// `nil` where it runs already.
  private func makeRun(
    _ replica: ReplicaSpecification, in folder: ReplicaFolder, secrets: [String: String]
  ) -> Run? {
    self.runs.withLock { runs in
      let former = runs[replica.key]
      if let former, !former.isOver { return nil }
      let run = self.run(
        replica, attempt: (former?.attempt ?? 0) + 1, in: folder,
        restartCountMax: replica.launch.restartCountMax ?? 0,
        secrets: secrets.filter { replica.launch.secrets.contains($0.key) })
      runs[replica.key] = run
      return run
    }
  }

  /// How many replicas there would be, with these.
  func count(with replicas: [ReplicaSpecification]) -> Int {
    self.runs.withLock { Set($0.keys).union(replicas.map(\.key)).count }
  }

  /// Tells replicas to stop; returns when each is over.
  ///
  /// - Parameter services: Empty: all.
  /// - Returns: What is left of them, in the order of their keys.
  func stop(_ services: Set<String>) async -> ReplicaRemains {
    let runs = self.runs.withLock { runs in
      let wanted = runs.sorted { $0.key < $1.key }.map(\.value)
        .filter { services.isEmpty || services.contains($0.key.service) }
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

  /// Those that are not over, in order.
  var living: [ReplicaKey] {
    self.runs.withLock { runs in runs.filter { !$0.value.isOver }.keys.sorted() }
  }

  /// The log of the current attempt; `nil` where there is no such replica.
  func log(of key: ReplicaKey) -> (log: ReplicaLog, isOver: Bool)? {
    self.runs.withLock { $0[key] }.map { ($0.log, $0.isOver) }
  }

  /// Where the replicas that run show metrics, in the order of their keys.
  var metricsEndpoints: [ScrapeEndpoint] {
    self.runs.withLock { runs in
      runs.values.filter { !$0.isOver }.sorted { $0.key < $1.key }
        .compactMap { ScrapeEndpoint($0.replica) }
    }
  }

  // MARK: After a daemon before this one

  /// Takes up what runs still, and shows what does not.
  func adopt() async throws {
    let state = self.state
    let found = try await self.context.blocking.run { FormerReplica.all(in: state) }
    for former in found.prefix(NodeLimits.replicaCountMax) {
      let secrets = try await self.context.blocking.run { former.secrets }
      // Without one of them it is not started again.
      let isWhole = former.replica.launch.secrets.allSatisfy { secrets[$0] != nil }
      let run = self.run(
        former.replica, attempt: former.attempt, in: former.folder,
        restartCountMax: isWhole ? former.replica.launch.restartCountMax ?? 0 : 0, secrets: secrets)
      self.runs.withLock { $0[run.key] = run }
      switch former.fate {
      case .runs(let start, let adoption):
        self.ordersContinuation.yield(.adopt(run, start, adoption))
      case .over(let reason): await run.show(failure: reason)
      }
    }
  }

  private func run(
    _ replica: ReplicaSpecification, attempt: Int, in folder: ReplicaFolder, restartCountMax: Int,
    secrets: [String: String]
  ) -> Run {
    Run(
      replica, attempt: attempt, folder: folder, identity: self.identity,
      environment: ReplicaEnvironment.variables(
        daemon: self.environment, declared: replica.launch.environment, secrets: secrets,
        marks: ReplicaProcesses.marks(of: self.identity, replica.key)),
      budget: SharedRestartBudget(countMax: restartCountMax), context: self.context)
  }
}
