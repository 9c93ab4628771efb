import Synchronization

/// Keeps a link to one node: opens it, and opens it again when it has broken, as a ``LinkMachine`` says.
package struct LinkKeeper<ClockType: Clock & Sendable>: Sendable
where ClockType.Duration == Duration {
  private let settings: LinkMachine.Settings
  private let clock: ClockType

  package init(_ settings: LinkMachine.Settings, clock: ClockType) {
    self.settings = settings
    self.clock = clock
  }

  /// Returns when a visit has done what it is for, when the node is given up, or when the task is
  /// cancelled.
  ///
  /// - Parameters:
  ///   - visit: Opens one link, calls what it is given once the node has answered, and returns when
  ///     nothing more is wanted of the node.
  ///   - lost: Hears why a visit has ended before, unless the task was cancelled, and says what kind of
  ///     fault it was; `nil`: nothing more is wanted of the node.
  package func keep<Fault: Error>(
    _ visit: (_ opened: @escaping @Sendable () -> Void) async throws(Fault) -> Void,
    lost: (Fault) async -> NodeFault.Kind?
  ) async {
    let machine = Mutex(LinkMachine(self.settings))
    while !Task.isCancelled {
      let action: LinkMachine.Action
      do throws(Fault) {
        return try await visit { machine.withLock { $0.opened() } }
      } catch {
        guard !Task.isCancelled, let kind = await lost(error) else { return }
        action = machine.withLock { $0.faulted(kind) }
      }
      guard case .again(let pause) = action,
        (try? await self.clock.sleep(
          until: self.clock.now.advanced(by: pause), tolerance: nil)) != nil
      else { return }
    }
  }
}
