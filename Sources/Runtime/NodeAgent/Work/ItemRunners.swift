import KVCacheSimulator
package import Rollouts

/// The kinds of work that this agent knows. To add one is to add a line here.
package struct ItemRunners<C: Clock>: Sendable where C.Duration == Duration {
  /// - Throws: What is wrong with the specification.
  typealias Factory = @Sendable ([UInt8], C) throws -> any ItemRunner

  private static var factories: [String: Factory] {
    [SimulatorSpecification.kind: { try SimulatorItemRunner($0, clock: $1) }]
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
