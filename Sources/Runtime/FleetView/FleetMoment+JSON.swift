package import Coordinator
package import Fleet
import Health
import Launch
import Telemetry

extension FleetMoment {
  /// Events in an object, the newest.
  private static let eventCountMax = 50

  /// One object; what is unknown is `null`.
  package var json: JSONText {
    .object([
      ("run", .string(self.run)), ("time", .string(ChainEvent.time(self.milliseconds))),
      ("milliseconds", .integer(Int(self.milliseconds))),
      ("rollouts", self.rollouts.map { .integer(Int(clamping: $0.count)) } ?? .null),
      ("rollouts_per_second", JSONText(self.rollouts?.perSecond)),
      ("pages", .integer(self.state.pageCount)),
      ("services", .array(self.samples.map { .object($0.members) })),
      ("replicas", .array(self.rows.map(\.json))),
      ("nodes", .array(self.state.nodes.map(Self.json))),
      ("events", .array(self.latestEvents(Self.eventCountMax).map { .object($0.members) })),
    ])
  }

  private static func json(_ node: FleetState.Node) -> JSONText {
    let gpus = node.gpus.map { gpu in
      JSONText.object([
        ("index", .integer(gpu.index)), ("name", .string(gpu.name)),
        ("utilization_percent", JSONText(gpu.utilizationPercent)),
        ("memory_used_mib", JSONText(gpu.memoryUsedMiB)),
        ("memory_total_mib", JSONText(gpu.memoryTotalMiB)),
        ("power_watts", JSONText(gpu.powerWatts)),
        ("temperature_celsius", JSONText(gpu.temperatureCelsius)),
        ("uncorrected_ecc_errors", JSONText(gpu.uncorrectedECCErrors)),
      ])
    }
    return .object([
      ("node", .string(node.name)), ("reached", .bool(node.isReached)),
      ("fault", .string(node.fault)), ("gpus", .array(gpus)),
      ("gpu_fault", .string(node.gpuFault)),
    ])
  }
}

extension FleetMoment.Row {
  fileprivate var json: JSONText {
    let report = self.replica.report
    return .object([
      ("service", .string(self.replica.key.service)), ("index", .integer(self.replica.key.index)),
      ("node", .string(self.replica.node)), ("state", .string(self.word)),
      ("last_state", JSONText(self.rememberedState)),
      ("since_milliseconds", report.map { .integer(Int($0.sinceMilliseconds)) } ?? .null),
      ("attempt", JSONText(report?.attempt)),
      ("unproven", .bool(report?.isUnproven == true)), ("reason", .string(self.reason)),
      ("unreachable_seconds", JSONText(self.lostSeconds)),
      ("running", JSONText(self.metrics.running)),
      ("waiting", JSONText(self.metrics.waiting)),
      ("kv_cache_usage", JSONText(self.metrics.cacheUsageMax)),
      ("generation_tokens_per_second", JSONText(self.metrics.generationTokensPerSecond)),
      ("prompt_tokens_per_second", JSONText(self.metrics.promptTokensPerSecond)),
      ("prefix_hit_rate", JSONText(self.metrics.prefixHitRate)),
      ("node_gpu_percent", JSONText(self.gpuPercent)),
      ("age_seconds", JSONText(self.ageSeconds)),
    ])
  }
}

extension ChainEvent {
  package var members: [(String, JSONText)] {
    [
      ("time", .string(Self.time(self.milliseconds))),
      ("milliseconds", .integer(Int(self.milliseconds))), ("node", .string(self.node)),
      ("service", .string(self.service)),
      ("index", JSONText(self.replica?.index)),
      ("event", .string(self.what)), ("reason", .string(self.reason)),
    ]
  }
}

extension FleetMoment {
  /// The newest by their nodes' clocks, oldest first.
  package func latestEvents(_ countMax: Int) -> [ChainEvent] {
    let ordered = self.state.events.enumerated().sorted { one, other in
      (one.element.milliseconds, one.offset) < (other.element.milliseconds, other.offset)
    }
    return ordered.suffix(countMax).map(\.element)
  }
}
