package import Launch
package import Plan

/// Starts replicas that have been stopped, each by itself: one that fails ends no other.
///
/// A service waits for those named in its `after` that are started here too.
package struct ReplicaRestart<ClockType: Clock & Sendable, Connector: LaunchConnector>: Sendable
where ClockType.Duration == Duration, ClockType.Instant: Sendable {
  package typealias Settings = LaunchMachine<ClockType.Instant>.Settings

  private let plan: Plan
  private let connector: Connector
  private let clock: ClockType
  private let settings: Settings
  private let observe: @Sendable (LaunchEvent) async -> Void

  /// - Parameters:
  ///   - plan: Of the run.
  ///   - observe: Hears of every event before it is acted on.
  package init(
    plan: Plan, connector: Connector, clock: ClockType, settings: Settings,
    observe: @escaping @Sendable (LaunchEvent) async -> Void
  ) {
    self.plan = plan
    self.connector = connector
    self.clock = clock
    self.settings = settings
    self.observe = observe
  }

  /// - Returns: As of one launch, with the reasons of all that did not become ready.
  package func start(_ replicas: Set<ReplicaKey>) async -> LaunchResult {
    var result = LaunchResult()
    for wave in Self.waves(self.plan.only(replicas).services) {
      await withTaskGroup(of: LaunchResult.self) { tasks in
        for service in wave {
          for replica in service.replicas {
            let key = ReplicaKey(service: service.name, index: replica.index)
            tasks.addTask { await self.launch(self.plan.only([key])) }
          }
        }
        for await one in tasks where !one.reasons.isEmpty {
          if result.reasons.isEmpty || one.culprit == .service { result.culprit = one.culprit }
          result.reasons += one.reasons
        }
      }
    }
    return result
  }

  private func launch(_ plan: Plan) async -> LaunchResult {
    await ServiceLauncher(
      plan: plan, connector: self.connector, clock: self.clock, settings: self.settings,
      observe: self.observe
    ).launch()
  }

  /// The services, each after all of its own that are among them.
  private static func waves(_ services: [Plan.Service]) -> [[Plan.Service]] {
    var (waves, rest) = ([[Plan.Service]](), services)
    while !rest.isEmpty {
      let names = Set(rest.map(\.name))
      let wave = rest.filter { names.isDisjoint(with: $0.after) }
      // A checked plan has no circle.
      guard !wave.isEmpty else { return waves + [rest] }
      waves.append(wave)
      rest.removeAll { names.isDisjoint(with: $0.after) }
    }
    return waves
  }
}

extension Plan {
  /// The plan of some of its replicas, and of nothing else.
  package func only(_ replicas: Set<ReplicaKey>) -> Plan {
    var plan = self
    plan.services = self.services.compactMap { service in
      var service = service
      service.replicas.removeAll {
        !replicas.contains(ReplicaKey(service: service.name, index: $0.index))
      }
      return service.replicas.isEmpty ? nil : service
    }
    let used = Set(plan.services.flatMap { $0.replicas.map(\.node) })
    plan.nodes.removeAll { !used.contains($0.name) }
    return plan
  }
}
