import Health
import Synchronization

/// The restart budget of one replica, for all of its attempts.
final class SharedRestartBudget<Instant: InstantProtocol & Sendable>: Sendable
where Instant.Duration == Duration {
  private let budget: Mutex<RestartBudget<Instant>>

  init(countMax: Int) {
    self.budget = Mutex(RestartBudget(countMax: countMax))
  }

  func failed(at now: Instant) -> RestartBudget<Instant>.Decision {
    self.budget.withLock { $0.failed(at: now) }
  }
}
