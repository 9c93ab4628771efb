package import Fleet
import Health
package import Telemetry

/// The numbers of a service at one instant, as the journal keeps them; `nil` is unknown.
package struct ServiceSample: Codable, Equatable, Sendable {
  package typealias Times = FleetMetrics.Percentiles

  package var service: String
  package var replicaCount: Int
  package var readyCount: Int
  package var running: Double?
  package var waiting: Double?
  /// 0 to 1; so the hit rate.
  package var cacheUsageMax: Double?
  package var prefixHitRate: Double?
  package var promptTokensPerSecond: Double?
  package var generationTokensPerSecond: Double?
  package var gpuPercent: Double?
  package var ttft: Times?
  package var itl: Times?
  package var e2e: Times?
  package var queue: Times?
  package var verdict: String
  package var reason: String
  package var rollouts: UInt64?
  package var rolloutsPerSecond: Double?

  private enum CodingKeys: String, CodingKey {
    case service
    case replicaCount = "replicas"
    case readyCount = "ready"
    case running, waiting
    case cacheUsageMax = "kv_cache_usage_max"
    case prefixHitRate = "prefix_hit_rate"
    case promptTokensPerSecond = "prompt_tokens_per_second"
    case generationTokensPerSecond = "generation_tokens_per_second"
    case gpuPercent = "gpu_percent"
    case ttft = "ttft_seconds"
    case itl = "itl_seconds"
    case e2e = "e2e_seconds"
    case queue = "queue_seconds"
    case verdict, reason, rollouts
    case rolloutsPerSecond = "rollouts_per_second"
  }

  /// - Parameter readyCount: `busy` ones included.
  init(_ service: FleetState.Service, readyCount: Int, _ rollouts: FleetMoment.Rollouts?) {
    func finite(_ number: Double?) -> Double? { number.flatMap { $0.isFinite ? $0 : nil } }
    let metrics = service.metrics
    self.service = service.name
    self.replicaCount = service.replicas.count
    self.readyCount = readyCount
    self.running = finite(metrics.running)
    self.waiting = finite(metrics.waiting)
    self.cacheUsageMax = finite(metrics.cacheUsageMax)
    self.prefixHitRate = finite(metrics.prefixHitRate)
    self.promptTokensPerSecond = finite(metrics.promptTokensPerSecond)
    self.generationTokensPerSecond = finite(metrics.generationTokensPerSecond)
    self.gpuPercent = service.gpus.meanUtilizationPercent
    self.ttft = metrics.latencies[.firstToken]
    self.itl = metrics.latencies[.interToken]
    self.e2e = metrics.latencies[.endToEnd]
    self.queue = metrics.latencies[.queue]
    self.verdict = service.verdict.word.rawValue
    self.reason = service.verdict.reason
    self.rollouts = rollouts?.count
    self.rolloutsPerSecond = rollouts?.perSecond
  }

  /// - Returns: `nil` where `json` is not what ``json()`` wrote.
  package init?(json: String) {
    guard let sample: Self = try? CanonicalJSON.value(from: json.utf8) else { return nil }
    self = sample
  }

  /// One object; what is unknown is not in it.
  package func json() -> String {
    // Its numbers are finite: nothing in it cannot be written.
    (try? CanonicalJSON.bytes(of: self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }

  /// For people's programs: what is unknown is `null`.
  package var members: [(String, JSONText)] {
    [
      ("service", .string(self.service)), ("replicas", .integer(self.replicaCount)),
      ("ready", .integer(self.readyCount)), ("running", JSONText(self.running)),
      ("waiting", JSONText(self.waiting)), ("kv_cache_usage_max", JSONText(self.cacheUsageMax)),
      ("prefix_hit_rate", JSONText(self.prefixHitRate)),
      ("prompt_tokens_per_second", JSONText(self.promptTokensPerSecond)),
      ("generation_tokens_per_second", JSONText(self.generationTokensPerSecond)),
      ("ttft_seconds", JSONText(self.ttft)), ("itl_seconds", JSONText(self.itl)),
      ("e2e_seconds", JSONText(self.e2e)), ("queue_seconds", JSONText(self.queue)),
      ("gpu_percent", JSONText(self.gpuPercent)), ("verdict", .string(self.verdict)),
      ("reason", .string(self.reason)),
      ("rollouts", self.rollouts.map { .integer(Int(clamping: $0)) } ?? .null),
      ("rollouts_per_second", JSONText(self.rolloutsPerSecond)),
    ]
  }
}

extension JSONText {
  /// An object, its numbers `null` where there are none.
  init(_ times: FleetMetrics.Percentiles?) {
    self = .object([
      ("count", JSONText(times?.count)), ("p50", JSONText(times?.p50)),
      ("p90", JSONText(times?.p90)), ("p99", JSONText(times?.p99)),
    ])
  }
}

extension [GPUSample] {
  /// Of those that say it; `nil` where none does.
  var meanUtilizationPercent: Double? {
    let busy = self.compactMap(\.utilizationPercent).filter(\.isFinite)
    return busy.isEmpty ? nil : busy.reduce(0, +) / Double(busy.count)
  }
}
