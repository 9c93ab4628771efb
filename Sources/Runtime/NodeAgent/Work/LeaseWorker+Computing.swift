import Rollouts
import Synchronization

extension LeaseWorker {
  /// Computing goes on for so long before it looks at the queue again.
  private static var sliceTime: Duration { .milliseconds(5) }

  private struct Computation {
    var workNumber = 0
    var runner: (any ItemRunner)?
    var batch: OpenBatch<C.Instant>?
    /// Items in the next slice: many where they take microseconds, one where they wait.
    var sliceCount = 1
  }

  /// Works off the queue, for as long as the spool has room.
  func compute() async {
    var computation = Computation()
    for await _ in self.rings(\.computeBell) {
      while !Task.isCancelled, self.isReady(&computation),
        let slice = self.nextSlice(of: computation)
      {
        await self.run(slice, in: &computation)
        await Task.yield()
      }
      // Nothing more to do at this moment: what there is goes out.
      self.close(&computation)
    }
  }

  /// Makes the runner where the work is a new one.
  private func isReady(_ computation: inout Computation) -> Bool {
    let (setup, workNumber) = self.state.withLock { ($0.setup, $0.workNumber) }
    guard let setup else { return false }
    if computation.workNumber != workNumber {
      computation = Computation(workNumber: workNumber)
      computation.runner = try? self.makeRunner(setup)
    }
    if computation.runner == nil {
      self.state.withLock { if !$0.queue.isEmpty { $0.raise("this agent cannot do this work") } }
    }
    return computation.runner != nil
  }

  private func nextSlice(of computation: Computation) -> LeaseQueue.Slice? {
    self.state.withLock { state in
      guard state.workNumber == computation.workNumber, state.isOpen, state.spool.hasRoom else {
        return nil
      }
      guard let slice = state.queue.take(countMax: computation.sliceCount) else { return nil }
      state.inWork.append(slice.items)
      return slice
    }
  }

  private func run(_ slice: LeaseQueue.Slice, in computation: inout Computation) async {
    let start = self.clock.now
    for ordinal in slice.items {
      guard await self.run(ordinal, of: slice, in: &computation) else { return }
    }
    let perItem = start.duration(to: self.clock.now) / slice.items.count
    computation.sliceCount =
      perItem > .zero
      ? max(1, Int(min(Double(self.settings.sliceCountMax), Self.sliceTime / perItem)))
      : self.settings.sliceCountMax
  }

  /// - Returns: Whether the item was done.
  private func run(
    _ ordinal: UInt64, of slice: LeaseQueue.Slice, in computation: inout Computation
  ) async -> Bool {
    if let open = computation.batch, !open.isContinued(by: ordinal, of: slice) {
      self.close(&computation)
    }
    var batch =
      computation.batch.take()
      ?? OpenBatch(
        slice, first: ordinal, size: self.settings.spool.batchSize, at: self.clock.now)
    let sizeBefore = batch.lines.count
    do {
      try await computation.runner?.appendRecord(ordinal: ordinal, to: &batch.lines)
    } catch {
      batch.lines.removeSubrange(sizeBefore...)
      computation.batch = batch.items.isEmpty ? nil : batch
      self.close(&computation)
      self.state.withLock { state in
        state.inWork.removeAll()
        if !Task.isCancelled { state.raise("item \(ordinal): \(error)") }
      }
      return false
    }
    batch.items = batch.items.lowerBound..<ordinal + 1
    let isDue =
      batch.lines.count >= self.settings.spool.batchSize
      || batch.items.count >= self.settings.spool.batchCountMax
      || batch.since.duration(to: self.clock.now) >= self.settings.spool.batchAge
    computation.batch = batch
    if isDue { self.close(&computation) }
    return true
  }

  /// Hands the batch to the spool, unless its work has been replaced.
  private func close(_ computation: inout Computation) {
    guard let batch = computation.batch.take() else { return }
    self.state.withLock { state in
      guard state.workNumber == computation.workNumber else { return }
      state.spool.closed(
        batch.items, leaseID: batch.leaseID, attempt: batch.attempt, lines: batch.lines)
      state.doneWork(batch.items)
      state.spoolBell?.yield()
    }
  }
}

/// Records of consecutive items of one lease, not yet closed.
private struct OpenBatch<Instant: InstantProtocol> {
  var leaseID: UInt64
  var attempt: UInt32
  var items: Range<UInt64>
  var lines: [UInt8] = []
  /// When its first record was begun.
  var since: Instant

  init(_ slice: LeaseQueue.Slice, first: UInt64, size: Int, at now: Instant) {
    self.leaseID = slice.leaseID
    self.attempt = slice.attempt
    self.items = first..<first
    self.since = now
    // The last record goes beyond the size at which a batch is closed.
    self.lines.reserveCapacity(size + size / 8)
  }

  func isContinued(by ordinal: UInt64, of slice: LeaseQueue.Slice) -> Bool {
    self.leaseID == slice.leaseID && self.items.upperBound == ordinal
  }
}
