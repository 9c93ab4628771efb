import Coordinator
import Fleet
import Health
import Telemetry

extension FleetMoment {
  /// Events in an object, the newest.
  private static let eventCountMax = 50

  /// One object; what is unknown is `null`.
  var json: JSONText {
    .object([
      ("run", .string(self.run)), ("time", .string(ChainEvent.time(self.milliseconds))),
      ("milliseconds", .integer(Int(self.milliseconds))),
      ("rollouts", self.rollouts.map { .integer(Int(clamping: $0.count)) } ?? .null),
      ("rollouts_per_second", Self.json(self.rollouts?.perSecond)),
      ("pages", .integer(self.state.pageCount)),
      ("services", .array(self.samples.map { .object($0.members) })),
      ("replicas", .array(self.rows.map(\.json))),
      ("nodes", .array(self.state.nodes.map(Self.json))),
      ("events", .array(self.latestEvents(Self.eventCountMax).map { .object($0.members) })),
    ])
  }

  fileprivate static func json(_ number: Double?) -> JSONText {
    number.map { .number($0) } ?? .null
  }

  private static func json(_ node: FleetState.Node) -> JSONText {
    let gpus = node.gpus.map { gpu in
      JSONText.object([
        ("index", .integer(gpu.index)), ("name", .string(gpu.name)),
        ("utilization_percent", Self.json(gpu.utilizationPercent)),
        ("memory_used_mib", Self.json(gpu.memoryUsedMiB)),
        ("memory_total_mib", Self.json(gpu.memoryTotalMiB)),
        ("power_watts", Self.json(gpu.powerWatts)),
        ("temperature_celsius", Self.json(gpu.temperatureCelsius)),
        ("uncorrected_ecc_errors", gpu.uncorrectedECCErrors.map { .integer($0) } ?? .null),
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
      ("last_state", self.rememberedState.map { .string($0) } ?? .null),
      ("since_milliseconds", report.map { .integer(Int($0.sinceMilliseconds)) } ?? .null),
      ("attempt", report.map { .integer($0.attempt) } ?? .null),
      ("unproven", .bool(report?.isUnproven == true)), ("reason", .string(self.reason)),
      ("unreachable_seconds", FleetMoment.json(self.lostSeconds)),
      ("running", FleetMoment.json(self.metrics.running)),
      ("waiting", FleetMoment.json(self.metrics.waiting)),
      ("kv_cache_usage", FleetMoment.json(self.metrics.cacheUsageMax)),
      ("generation_tokens_per_second", FleetMoment.json(self.metrics.generationTokensPerSecond)),
      ("prompt_tokens_per_second", FleetMoment.json(self.metrics.promptTokensPerSecond)),
      ("prefix_hit_rate", FleetMoment.json(self.metrics.prefixHitRate)),
      ("node_gpu_percent", FleetMoment.json(self.gpuPercent)),
      ("age_seconds", FleetMoment.json(self.ageSeconds)),
    ])
  }
}

extension ChainEvent {
  var members: [(String, JSONText)] {
    [
      ("time", .string(Self.time(self.milliseconds))),
      ("milliseconds", .integer(Int(self.milliseconds))), ("node", .string(self.node)),
      ("service", .string(self.service)),
      ("index", self.replica.map { .integer($0.index) } ?? .null),
      ("event", .string(self.what)), ("reason", .string(self.reason)),
    ]
  }
}
