package import Rollouts
import Synchronization

/// Works on leases: runs their items, writes the records to the node's spool, and delivers them to
/// whichever coordinator is there, until they are acknowledged.
///
/// Two entry points: ``run()`` lives as long as the agent, so that leases are finished and spooled
/// while no coordinator is there; ``serve(_:send:)`` lives as long as one stream. Streams may overlap:
/// the newest counts, the older ones end.
package final class LeaseWorker<C: Clock, Store: SpoolStore>: Sendable
where C.Duration == Duration, C.Instant: Sendable {
  typealias State = LeaseWorkerState<Store.Log, C.Instant>

  let settings: LeaseWorkerSettings
  let clock: C
  let store: Store
  let makeRunner: @Sendable (LeaseSetup) throws(LeaseFault) -> any ItemRunner
  let state: Mutex<State>

  /// - Parameters:
  ///   - store: Where the spool of each work is.
  ///   - makeRunner: Called once for each work; what it throws refuses the work.
  package init(
    settings: LeaseWorkerSettings = LeaseWorkerSettings(), clock: C, store: Store,
    makeRunner: @escaping @Sendable (LeaseSetup) throws(LeaseFault) -> any ItemRunner
  ) {
    self.settings = settings
    self.clock = clock
    self.store = store
    self.makeRunner = makeRunner
    self.state = Mutex(State(settings.spool))
  }

  /// Runs items and writes spools until it is cancelled. Called once.
  package func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.compute() }
      group.addTask { await self.closeAged() }
      group.addTask { await self.writeSpool() }
      await group.waitForAll()
    }
  }

  /// A stream of rings for one task of this worker; several rings become one.
  func rings(_ bell: any WritableKeyPath<State, State.Bell?> & Sendable) -> AsyncStream<Void> {
    let (rings, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    self.state.withLock { $0[keyPath: bell] = continuation }
    // What happened before is looked at at once.
    continuation.yield()
    return rings
  }
}

/// Waits of a ``LeaseWorker``.
package struct LeaseWorkerSettings: Sendable {
  package var spool = SpoolSettings()
  /// From one sign of life to the next; the coordinator gives up after fifteen.
  package var heartbeat: Duration = .seconds(1)
  /// From a refusal of the disk to the next try.
  package var spoolRetry: Duration = .seconds(5)
  /// Short items between two looks at the queue, and two chances for other tasks.
  package var sliceCountMax = 64

  package init() {}
}
