@testable import Coordinator
import Fleet
import RecordFiles
import Rollouts
import Synchronization
import Testing

/// The dispatcher with one node that lies.
struct WorkDispatcherTests {
  @Test func `failures that no coordinator asked for use up no attempt of an item`() async throws {
    let result = try await Self.run { order, number in
      switch order {
      case .setup:
        // As if earlier coordinators had given it everything, three times.
        (1...3).map { Self.batch(UInt64($0), lease: UInt64($0), UInt32($0), .failure, [0..<9]) }
      case .lease(let lease):
        [Self.batch(3 + number, lease: lease.id, lease.attempt, .result, lease.items)]
      case .cut, .acknowledgement: []
      }
    }
    #expect(result.ending == .complete && result.missing == [] && result.warnings == [])
    #expect(result.progress.abandonedCount == 0)
  }

  @Test func `one lease is one attempt, whatever numbers its node gives it`() async throws {
    let result = try await Self.run { order, number in
      switch order {
      case .setup, .cut, .acknowledgement: []
      case .lease(let lease):
        (0...2).map {
          Self.batch(number + UInt64($0), lease: lease.id, $0 + 1, .failure, lease.items)
        }
      }
    }
    #expect(result.ending == .unreachable && result.progress.abandonedCount == 0)
    #expect(result.warnings.count == 1 && result.warnings[0].contains("which lease"))
  }

  @Test func `who does not have the run, or loses it, ends at once with the name of who has it`()
    async throws
  {
    let fault = NodeFault(node: "n1", kind: .held, .runHeld(by: "you have it"))
    let result = try await Self.run(Held(fault: fault))
    #expect(result.ending == .held(fault) && result.warnings == [])
    #expect(result.refusal?.summary.hasPrefix("n1: ") == true)
    #expect(result.refusal?.causes == ["you have it"])
  }

  private struct Held: WorkConnector {
    let fault: NodeFault

    func withLink(
      to node: NodeName, _ body: @escaping @Sendable (Liar.Link) async throws -> Void
    ) async throws {
      throw self.fault
    }
  }

  @Test func `what an earlier coordinator did not lease to a node is not stored, and done anew`()
    async throws
  {
    let result = try await Self.run { order, number in
      switch order {
      // With the lowest attempt: it would win against whoever did it.
      case .setup: [Self.batch(1, lease: 1, 1, .result, [0..<9])]
      case .lease(let lease):
        [Self.batch(1 + number, lease: lease.id, lease.attempt, .result, lease.items)]
      case .cut, .acknowledgement: []
      }
    }
    #expect(result.ending == .complete && result.warnings == [])
    #expect(result.progress.nodes.map(\.recordedCount) == [9])
  }

  @Test func `damage now and then, with what is right between, cuts no node off`() async throws {
    let damageCount = Mutex(0)
    let result = try await Self.run { order, number in
      guard case .lease(let lease) = order else { return [] }
      let right = Self.batch(number, lease: lease.id, lease.attempt, .result, lease.items)
      // Each stream brings one batch that is right, and then one that is not.
      if number == 1 { return [right] }
      damageCount.withLock { $0 += 1 }
      return [RecordBatch(right.header, lines: right.lines, checksum: ~right.checksum)]
    }
    #expect(damageCount.withLock { $0 } >= 3, "as many as cut it off in a row")
    #expect(result.ending == .complete && result.warnings == [])
  }

  private static func run(
    _ answer: @escaping @Sendable (LeaseOrder, UInt64) -> [RecordBatch]
  ) async throws -> DispatchResult {
    try await Self.run(Liar(answer: answer))
  }

  private static func run(_ connector: some WorkConnector) async throws -> DispatchResult {
    let dispatcher = WorkDispatcher(
      plan: try WorkPlan(kind: "test", specification: Array("{}".utf8), taskCount: 9),
      leaseIDFirst: 100,
      nodes: [WorkNode(name: NodeName("n1"), log: Disk(), history: WorkHistory())],
      leases: Leases(), clock: ContinuousClock(), connector: connector, progress: { _ in })
    return await dispatcher.run()
  }

  private static func batch(
    _ sequence: UInt64, lease: UInt64, _ attempt: UInt32, _ kind: RecordLine.Kind,
    _ items: OrdinalRangeSet
  ) -> RecordBatch {
    let lines = items.ordinals.flatMap { ordinal -> [UInt8] in
      let key = ItemKey(taskIndex: ordinal, rolloutIndex: 0)
      return kind == .failure
        ? RecordLine.failure(of: key, ItemFailure("lie", "")) : SimRunner.line(of: ordinal)
    }
    return RecordBatch(
      BatchHeader(
        sequence: sequence, leaseID: lease, attempt: attempt, kind: kind, items: items),
      lines: lines)
  }

  private struct Leases: LeaseLog {
    func append(_ lease: Lease, to node: String) async {}
  }

  private struct Disk: RecordLog {
    func append(_ batches: [RecordBatch]) async {}
    func sync() async {}
  }

  /// A link to a node that answers orders, of which it counts the leases from 1.
  private struct Liar: WorkConnector {
    final class Link: WorkLink {
      let reports: AsyncStream<LeaseReport>
      private let report: AsyncStream<LeaseReport>.Continuation
      private let answer: @Sendable (LeaseOrder, UInt64) -> [RecordBatch]
      private let leaseCount = Mutex<UInt64>(0)

      init(_ answer: @escaping @Sendable (LeaseOrder, UInt64) -> [RecordBatch]) {
        (self.reports, self.report) = AsyncStream.makeStream()
        self.answer = answer
      }

      func send(_ order: LeaseOrder) async {
        let number = self.leaseCount.withLock { count in
          if case .lease = order { count += 1 }
          return count
        }
        for batch in self.answer(order, number) { self.report.yield(.batch(batch)) }
      }
    }

    let answer: @Sendable (LeaseOrder, UInt64) -> [RecordBatch]

    func withLink(
      to node: NodeName, _ body: @escaping @Sendable (Link) async throws -> Void
    ) async throws {
      try await body(Link(self.answer))
    }
  }
}
