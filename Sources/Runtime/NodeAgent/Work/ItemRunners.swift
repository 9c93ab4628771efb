import Fleet
import KVCacheSimulator
package import Rollouts

/// The kinds of work that this agent knows. To add one is to add a line here.
package enum ItemRunners {
  /// The runner of a work.
  ///
  /// - Throws: A fault that says that this agent will never do it, and why.
  package static func runner<C: Clock>(
    for setup: LeaseSetup, clock: C
  ) throws(LeaseFault) -> any ItemRunner where C.Duration == Duration {
    let factories: [String: ([UInt8]) throws -> any ItemRunner] = [
      SimulatorSpecification.kind: { try SimulatorItemRunner($0, clock: clock) }
    ]
    guard let factory = factories[setup.kind] else {
      let known = factories.keys.sorted().joined(separator: ", ")
      throw LeaseFault(
        .unknownKind,
        "work of the kind `\(setup.kind.cut(toBytes: 64))`; this agent knows: \(known)")
    }
    do {
      return try factory(setup.specification)
    } catch {
      throw LeaseFault(.unreadableSpecification, "\(error)")
    }
  }
}
