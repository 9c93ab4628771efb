package import GRPCCore
package import NodeAPI
import OperatingSystem
import RecordFiles
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

  private let settings: SpoolSettings
  private let clock: C
  private let store: Store
  private let makeRunner: @Sendable (LeaseSetup) throws(LeaseFault) -> any ItemRunner
  private let state: Mutex<State>

  /// - Parameters:
  ///   - store: Where the spool of each work is.
  ///   - makeRunner: Called once for each work; what it throws refuses the work.
  package init(
    settings: SpoolSettings = SpoolSettings(), clock: C, store: Store,
    makeRunner: @escaping @Sendable (LeaseSetup) throws(LeaseFault) -> any ItemRunner
  ) {
    self.settings = settings
    self.clock = clock
    self.store = store
    self.makeRunner = makeRunner
    self.state = Mutex(State(settings))
  }

  /// Nothing is to be done, and all that was done is on the disk.
  package var isIdle: Bool { self.state.withLock { $0.isIdle } }

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
  private func rings(_ bell: any WritableKeyPath<State, State.Bell?> & Sendable) -> AsyncStream<
    Void
  > {
    let (rings, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    self.state.withLock { $0[keyPath: bell] = continuation }
    // What happened before is looked at at once.
    continuation.yield()
    return rings
  }

  /// Changes the state unless another work has begun since the one of this number.
  private func ifWork(is number: Int, _ change: (inout State) -> Void) {
    self.state.withLock { if $0.workNumber == number { change(&$0) } }
  }

  // MARK: Computing

  /// Computing goes on for so long before it looks at the queue again.
  private static var sliceTime: Duration { .milliseconds(5) }
  /// Short items between two looks at the queue, and two chances for other tasks.
  private static var sliceCountMax: Int { 64 }
  /// From a refusal of the disk to the next try.
  private static var spoolRetry: Duration { .seconds(5) }
  /// From one sign of life to the next; the coordinator gives up after fifteen.
  private static var heartbeat: Duration { .seconds(1) }

  /// One of the items that are under way at once, or a few short ones after each other.
  private struct Lane {
    let workNumber: Int
    let rolloutsPerTask: UInt64
    var runner: any ItemRunner
    var slice: LeaseQueue.Slice
  }

  /// Opens lanes while there is work and room for it; each works until there is none.
  private func compute() async {
    await withDiscardingTaskGroup { lanes in
      for await _ in self.rings(\.computeBell) {
        self.prepareRunner()
        while let lane = self.openLane() { lanes.addTask { await self.work(lane) } }
      }
      lanes.cancelAll()
    }
  }

  /// Makes the runner where the work is a new one; says again that there is none where it was refused.
  private func prepareRunner() {
    let (setup, number) = self.state.withLock { state in
      (state.runner == nil ? state.setup : nil, state.workNumber)
    }
    let made = setup.map { setup in
      Result { () throws(LeaseFault) in try self.makeRunner(setup) }
    }
    self.ifWork(is: number) { state in
      if let made { state.runnerMade(made) }
      if case .failure(let fault) = state.runner { state.raise(fault) }
    }
  }

  private func openLane() -> Lane? {
    self.state.withLock { state in
      guard case .success(let runner) = state.runner, state.laneCount < state.concurrency,
        let setup = state.setup, let slice = state.takeSlice()
      else { return nil }
      state.laneCount += 1
      return Lane(
        workNumber: state.workNumber, rolloutsPerTask: setup.rolloutsPerTask, runner: runner,
        slice: slice)
    }
  }

  private func work(_ lane: Lane) async {
    var lane = lane
    var output = SliceOutput()
    while true {
      let start = self.clock.now
      let done = await self.run(&lane, into: &output)
      // What was under way when the worker ended is done again, by whoever goes on.
      if Task.isCancelled { return }
      let now = self.clock.now
      let perItem = start.duration(to: now) / done.items.count
      let next = self.state.withLock { state -> LeaseQueue.Slice? in
        guard state.workNumber == lane.workNumber else { return nil }
        state.done(done, output, at: now)
        state.sliceCount =
          perItem > .zero
          ? max(1, Int(min(Double(Self.sliceCountMax), Self.sliceTime / perItem)))
          : Self.sliceCountMax
        if done.items.upperBound < lane.slice.items.upperBound {
          var rest = lane.slice
          rest.items = done.items.upperBound..<rest.items.upperBound
          state.putBack(rest)
        }
        if let slice = state.takeSlice() { return slice }
        state.laneClosed()
        return nil
      }
      guard let next else { return }
      lane.slice = next
      await Task.yield()
    }
  }

  /// - Returns: What was done of the lane's slice: as much as a batch holds, at least one item.
  private func run(_ lane: inout Lane, into output: inout SliceOutput) async -> LeaseQueue.Slice {
    output.removeAll()
    var done = lane.slice
    for ordinal in lane.slice.items {
      let key = ItemKey(ordinal: ordinal, rolloutsPerTask: lane.rolloutsPerTask)
      let start = output.lines.count
      do {
        try await lane.runner.appendRecord(of: key, to: &output.lines)
        guard Self.isRecord(output.lines[start...], of: key) else {
          throw ItemFailure(
            "invalid",
            "a record that is no line of JSON, without blanks, of at most 4 MiB with its key")
        }
      } catch {
        if Task.isCancelled { return done }
        output.lines.removeSubrange(start...)
        let failure = error as? ItemFailure ?? ItemFailure("error", "\(error)")
        output.failures.append((ordinal, RecordLine.failure(of: key, failure)))
      }
      done.items = done.items.lowerBound..<ordinal + 1
      if output.lines.count >= self.settings.batchSize { return done }
    }
    return done
  }

  /// Exactly one line, which is the whole result of this item. What a runner writes else is the item's
  /// failure, and no fault of its node.
  private static func isRecord(_ line: ArraySlice<UInt8>, of key: ItemKey) -> Bool {
    line.withUnsafeBytes { RecordLine.kind(of: $0, key: key) == .result }
  }

  /// Closes batches that have waited long enough for more records.
  private func closeAged() async {
    for await _ in self.rings(\.ageBell) {
      while let oldest = self.state.withLock({ $0.batches.map(\.since).min() }) {
        let due = oldest.advanced(by: self.settings.batchAge)
        guard (try? await self.clock.sleep(until: due, tolerance: nil)) != nil else { return }
        let now = self.clock.now
        self.state.withLock {
          $0.closeBatches { $0.advanced(by: self.settings.batchAge) <= now }
        }
      }
    }
  }

  // MARK: Spooling

  /// Opens the spool of the work and writes what is closed: many batches with one sync.
  private func writeSpool() async {
    for await _ in self.rings(\.spoolBell) {
      while !Task.isCancelled {
        let (step, number) = self.state.withLock { ($0.nextSpoolStep, $0.workNumber) }
        do throws(SystemFault) {
          guard try await self.carryOut(step, of: number) else { break }
        } catch {
          self.ifWork(is: number) { state in
            if state.isOpen { state.phase = .failed("\(error)") }
            state.raise(LeaseFault(.disk, "\(error)"))
          }
          try? await self.clock.sleep(for: Self.spoolRetry)
        }
      }
    }
  }

  /// - Returns: Whether there may be more to do.
  private func carryOut(_ step: State.SpoolStep, of number: Int) async throws(SystemFault)
    -> Bool
  {
    switch step {
    case .nothing:
      return false
    case .open(let workID):
      let log = try await self.store.open(workID: workID)
      let (entries, last) = (await log.entries, await log.lastSequence)
      self.ifWork(is: number) { $0.spoolOpened(log, entries: entries, lastSequence: last) }
    case .write(let batches, let log):
      try await log.append(batches)
      try await log.sync()
      self.ifWork(is: number) { state in
        state.spool.written(batches)
        state.sendBell?.yield()
        state.computeBell?.yield()
      }
    case .drop(let sequence, let log):
      try await log.drop(through: sequence)
      self.ifWork(is: number) { state in
        state.spool.dropped(through: sequence)
        state.computeBell?.yield()
      }
    }
    return true
  }

  // MARK: Serving

  /// Serves one coordinator until its orders end, a newer stream takes over, or sending throws.
  ///
  /// - Parameters:
  ///   - orders: What the coordinator says; the first must be a setup.
  ///   - send: Sends a report and returns when there is room for another.
  package func serve<Orders: AsyncSequence & Sendable>(
    _ orders: Orders, send: @escaping @Sendable (LeaseReport) async throws -> Void
  ) async throws where Orders.Element == LeaseOrder {
    let (rings, bell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    bell.yield()
    // Together: of two that begin at once the newer one is rung.
    let stream = self.state.withLock { state in
      state.streamNumber += 1
      // Its task sees the number and ends.
      state.sendBell?.finish()
      state.sendBell = bell
      return state.streamNumber
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for try await order in orders {
          try self.onStream(stream) { try $0.take(order, of: stream) }
        }
      }
      group.addTask { try await self.deliver(rings, of: stream, send) }
      group.addTask { try await self.beat(of: stream) }
      defer { group.cancelAll() }
      try await group.next()
    }
  }

  /// - Throws: `RPCError.superseded` where a newer stream counts.
  private func onStream<Result: Sendable>(
    _ stream: Int, _ body: (inout State) throws -> Result
  ) throws -> Result {
    try self.state.withLock { state in
      guard state.streamNumber == stream else { throw RPCError.superseded }
      return try body(&state)
    }
  }

  private func beat(of stream: Int) async throws {
    while true {
      try await self.clock.sleep(for: Self.heartbeat)
      try self.onStream(stream) { $0.beat() }
    }
  }

  // MARK: Delivering

  private enum Delivery: Sendable {
    case report(LeaseReport)
    case read(Store.Log, after: UInt64, through: UInt64)
    case nothing
  }

  private func deliver(
    _ rings: AsyncStream<Void>, of stream: Int,
    _ send: @Sendable (LeaseReport) async throws -> Void
  ) async throws {
    for await _ in rings {
      delivering: while true {
        switch try self.nextDelivery(of: stream) {
        case .nothing:
          break delivering
        case .report(let report):
          try await send(report)
        case .read(let log, let after, let through):
          let batches = try await log.batches(after: after, maximumSize: 1 << 20)
          guard batches.first?.sequence == after + 1 else {
            // A newer stream may have delivered it since.
            try self.onStream(stream) { _ in }
            // The coordinator gives its leases to others, and in the end gives up this node.
            let fault = LeaseFault(.disk, "the spool has lost batch \(after + 1)")
            try await send(.fault(fault))
            throw fault
          }
          for batch in batches where batch.sequence <= through {
            try self.onStream(stream) { $0.spool.sent(batch.sequence) }
            try await send(.batch(batch))
          }
        }
      }
    }
    try Task.checkCancellation()
    throw RPCError.superseded
  }

  private func nextDelivery(of stream: Int) throws -> Delivery {
    try self.onStream(stream) { state in
      guard state.setupStream == stream else { return .nothing }
      if let fault = state.fault.take() { return .report(.fault(fault)) }
      if state.isBeatDue {
        state.isBeatDue = false
        let next = state.queue.next
        return .report(
          .progress(
            LeaseProgress(
              leaseID: next?.leaseID ?? 0, next: next?.item ?? 0,
              concurrency: UInt32(state.concurrency))))
      }
      guard case .open(let log) = state.phase else { return .nothing }
      switch state.spool.nextSend {
      case .none: return .nothing
      case .send(let batch):
        // Before it is sent, as the acknowledgement may come before `send` returns. If sending fails
        // the next stream begins with it again.
        state.spool.sent(batch.sequence)
        return .report(.batch(batch))
      case .read(let after, let through): return .read(log, after: after, through: through)
      }
    }
  }

  /// Serves one call of `Node.Work`; ends when the coordinator ends it, the link is lost, or a newer
  /// stream has taken over.
  ///
  /// - Throws: `RPCError` with ABORTED for a newer stream, INVALID_ARGUMENT for a wrong order.
  package func serve(
    _ requests: RPCAsyncSequence<Muster_V1_WorkOrder, any Error>,
    _ response: RPCWriter<Muster_V1_WorkReport>
  ) async throws {
    let orders = requests.map { message in
      guard let order = LeaseOrder(message) else {
        throw RPCError.protocolFault("an order that this agent does not know")
      }
      return order
    }
    try await self.serve(orders) { try await response.write(Muster_V1_WorkReport($0)) }
  }
}

extension RPCError {
  /// A newer stream of work has taken over.
  static let superseded = Self(
    code: .aborted, message: "a newer stream of work has taken over")

  /// The coordinator does what the protocol does not allow.
  static func protocolFault(_ fault: String) -> Self {
    Self(code: .invalidArgument, message: fault)
  }
}
