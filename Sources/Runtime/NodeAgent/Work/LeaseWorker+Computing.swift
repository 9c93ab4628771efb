import Rollouts
import Synchronization

extension LeaseWorker {
  /// Computing goes on for so long before it looks at the queue again.
  private static var sliceTime: Duration { .milliseconds(5) }

  /// One of the items that are under way at once, or a few short ones after each other.
  private struct Lane {
    let workNumber: Int
    let rolloutsPerTask: UInt64
    var runner: any ItemRunner
    var slice: LeaseQueue.Slice
  }

  /// Opens lanes while there is work and room for it; each works until there is none.
  func compute() async {
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
      (state.runnerNumber == state.workNumber ? nil : state.setup, state.workNumber)
    }
    let made = setup.map { setup in
      Result { () throws(LeaseFault) in try self.makeRunner(setup) }
    }
    self.state.withLock { state in
      guard state.workNumber == number else { return }
      if let made { state.runnerMade(made) }
      if case .failure(let fault) = state.runner { state.raise(fault) }
    }
  }

  private func openLane() -> Lane? {
    self.state.withLock { state in
      guard case .success(let runner) = state.runner, state.runnerNumber == state.workNumber,
        state.laneCount < state.concurrency, let setup = state.setup, let slice = state.takeSlice()
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
      await self.run(&lane, into: &output)
      // What was under way when the worker ended is done again, by whoever goes on.
      if Task.isCancelled { return }
      let now = self.clock.now
      let perItem = start.duration(to: now) / lane.slice.items.count
      let next = self.state.withLock { state -> LeaseQueue.Slice? in
        guard state.workNumber == lane.workNumber else { return nil }
        state.done(lane.slice, output, at: now)
        state.sliceCount =
          perItem > .zero
          ? max(1, Int(min(Double(self.settings.sliceCountMax), Self.sliceTime / perItem)))
          : self.settings.sliceCountMax
        if let slice = state.takeSlice() { return slice }
        state.laneClosed()
        return nil
      }
      guard let next else { return }
      lane.slice = next
      await Task.yield()
    }
  }

  private func run(_ lane: inout Lane, into output: inout SliceOutput) async {
    output.removeAll()
    for ordinal in lane.slice.items {
      let key = ItemKey(ordinal: ordinal, rolloutsPerTask: lane.rolloutsPerTask)
      let start = output.lines.count
      do {
        try await lane.runner.appendRecord(of: key, to: &output.lines)
        guard output.lines.last == 0x0A, output.lines.count > start,
          output.lines.count - start <= RecordLine.maximumSize
        else { throw ItemFailure("invalid", "a record that is no line of at most 4 MiB") }
      } catch {
        if Task.isCancelled { return }
        output.lines.removeSubrange(start...)
        let failure = error as? ItemFailure ?? ItemFailure("error", "\(error)")
        output.failures.append(
          (
            ordinal,
            RecordLine.failure(of: key, class: failure.failureClass, message: failure.message)
          ))
      }
    }
  }

  /// Closes batches that have waited long enough for more records.
  func closeAged() async {
    for await _ in self.rings(\.ageBell) {
      while let oldest = self.state.withLock({ $0.batches.map(\.since).min() }) {
        let due = oldest.advanced(by: self.settings.spool.batchAge)
        guard (try? await self.clock.sleep(until: due, tolerance: nil)) != nil else { return }
        let now = self.clock.now
        self.state.withLock {
          $0.closeBatches { $0.advanced(by: self.settings.spool.batchAge) <= now }
        }
      }
    }
  }
}

/// What a lane has made of its slice.
struct SliceOutput {
  /// The records, in the order of ordinals, without those of items that failed.
  var lines: [UInt8] = []
  var failures: [(ordinal: UInt64, line: [UInt8])] = []

  mutating func removeAll() {
    self.lines.removeAll(keepingCapacity: true)
    self.failures.removeAll()
  }
}

/// Records of one lease and kind that are not yet closed as a batch.
struct OpenBatch<Instant: InstantProtocol & Sendable>: Sendable {
  /// Without a sequence number.
  private(set) var header: BatchHeader
  /// When its first record came.
  let since: Instant
  private(set) var lines: [UInt8] = []
  /// Where the lines of items lie, in the order in which they came.
  private var pieces: [(first: UInt64, lines: Range<Int>)] = []

  init(_ slice: LeaseQueue.Slice, _ kind: RecordLine.Kind, size: Int, at now: Instant) {
    self.header = BatchHeader(
      sequence: 0, leaseID: slice.leaseID, attempt: slice.attempt, kind: kind, items: [])
    self.since = now
    // The last record goes beyond the size at which a batch is closed.
    if kind == .result { self.lines.reserveCapacity(size + size / 8) }
  }

  /// - Parameter lines: Of all the items, in their order; none of them lies between two others of
  ///   this batch.
  mutating func append(_ items: OrdinalRangeSet, _ lines: [UInt8]) {
    self.header.items.insert(items)
    self.pieces.append((items.span.lowerBound, self.lines.count..<self.lines.count + lines.count))
    self.lines += lines
  }

  /// With its lines in the order of ordinals.
  var batch: RecordBatch {
    let isOrdered = zip(self.pieces, self.pieces.dropFirst()).allSatisfy { $0.first < $1.first }
    if isOrdered { return RecordBatch(self.header, lines: self.lines) }
    var lines: [UInt8] = []
    lines.reserveCapacity(self.lines.count)
    for piece in self.pieces.sorted(by: { $0.first < $1.first }) {
      lines += self.lines[piece.lines]
    }
    return RecordBatch(self.header, lines: lines)
  }
}
