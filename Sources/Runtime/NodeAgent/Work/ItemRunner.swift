import KVCacheSimulator
package import Rollouts

/// Does the items of one kind of work.
///
/// A runner is a value: as many copies of it as may be under way at once work side by side, each on
/// one item at a time, so that one that computes pays for no task, lock or allocation an item.
package protocol ItemRunner: Sendable {
  /// Items that may be under way at once, 1 ... 4,096: 1 for one that computes.
  var concurrencyMax: Int { get }

  /// Appends the record of an item: one line of JSON that begins with its key, ended by a line feed.
  /// It may wait for as long as it likes; computing takes milliseconds at most, so that heartbeats
  /// live.
  ///
  /// - Throws: What becomes the item's failure record, best an `ItemFailure`; what was appended is
  ///   dropped. Cancellation ends the worker, not the item.
  mutating func appendRecord(of key: ItemKey, to lines: inout [UInt8]) async throws
}

/// The kinds of work that this agent knows. To add one is to add a line here.
package struct ItemRunners<C: Clock>: Sendable where C.Duration == Duration {
  /// - Throws: What is wrong with the specification.
  typealias Factory = @Sendable ([UInt8], C) throws -> any ItemRunner

  private static var factories: [String: Factory] {
    [SimulatorItemRunner<C>.kind: { try SimulatorItemRunner($0, clock: $1) }]
  }

  private let clock: C

  package init(clock: C) {
    self.clock = clock
  }

  /// The runner of a work.
  ///
  /// - Throws: A fault that says that this agent will never do it, and why.
  package func runner(for setup: LeaseSetup) throws(LeaseFault) -> any ItemRunner {
    guard let factory = Self.factories[setup.kind] else {
      let known = Self.factories.keys.sorted().joined(separator: ", ")
      throw LeaseFault(
        .unknownKind, "work of the kind `\(setup.kind.prefix(64))`; this agent knows: \(known)")
    }
    do {
      return try factory(setup.specification, self.clock)
    } catch {
      throw LeaseFault(.unreadableSpecification, "\(error)")
    }
  }
}

/// Runs episodes of the KV-cache simulator.
struct SimulatorItemRunner<C: Clock>: ItemRunner where C.Duration == Duration {
  static var kind: String { SimulatorSpecification.kind }

  private let clock: C
  private var worker: SimulatorWorker

  /// - Throws: `SimulatorSpecificationError`.
  init(_ specification: [UInt8], clock: C) throws {
    self.clock = clock
    self.worker = SimulatorWorker(try SimulatorSpecification(canonicalJSON: specification))
  }

  var concurrencyMax: Int { 1 }

  mutating func appendRecord(of key: ItemKey, to lines: inout [UInt8]) async throws {
    let cost = self.worker.specification.episodeCost
    if cost > .zero {
      try await self.clock.sleep(until: self.clock.now.advanced(by: cost), tolerance: nil)
    }
    self.worker.appendRecord(
      taskIndex: key.taskIndex, rolloutIndex: key.rolloutIndex, to: &lines)
  }
}
