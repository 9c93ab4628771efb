package import Fleet
import FoundationEssentials
import Health
package import Telemetry

/// The numbers of a service at one instant, as the journal keeps them; `nil` is unknown.
package struct ServiceSample: Codable, Equatable, Sendable {
  package struct Times: Codable, Equatable, Sendable {
    package var count: Double
    /// In seconds; so the others.
    package var p50: Double
    package var p90: Double
    package var p99: Double
  }

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
  package init(
    service: String, replicaCount: Int, readyCount: Int, _ metrics: FleetMetrics,
    _ verdict: ServiceVerdict, gpus: [GPUSample]
  ) {
    func finite(_ number: Double?) -> Double? { number.flatMap { $0.isFinite ? $0 : nil } }
    self.service = service
    self.replicaCount = replicaCount
    self.readyCount = readyCount
    self.running = finite(metrics.running)
    self.waiting = finite(metrics.waiting)
    self.cacheUsageMax = finite(metrics.cacheUsageMax)
    self.prefixHitRate = finite(metrics.prefixHitRate)
    self.promptTokensPerSecond = finite(metrics.promptTokensPerSecond)
    self.generationTokensPerSecond = finite(metrics.generationTokensPerSecond)
    self.gpuPercent = gpus.meanUtilizationPercent
    self.ttft = Times(metrics.latencies[.firstToken])
    self.itl = Times(metrics.latencies[.interToken])
    self.e2e = Times(metrics.latencies[.endToEnd])
    self.queue = Times(metrics.latencies[.queue])
    self.verdict = verdict.word.rawValue
    self.reason = verdict.reason
  }

  /// - Returns: `nil` where `json` is not what ``json()`` wrote.
  package init?(json: String) {
    guard let sample = try? JSONDecoder().decode(Self.self, from: Data(json.utf8)) else {
      return nil
    }
    self = sample
  }

  /// One object; what is unknown is not in it.
  package func json() -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Its numbers are finite: nothing in it cannot be written.
    return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }

  /// For people's programs: what is unknown is `null`.
  package var members: [(String, JSONText)] {
    func times(_ times: Times?) -> JSONText {
      .object([
        ("count", JSONText(times?.count)), ("p50", JSONText(times?.p50)),
        ("p90", JSONText(times?.p90)),
        ("p99", JSONText(times?.p99)),
      ])
    }
    return [
      ("service", .string(self.service)), ("replicas", .integer(self.replicaCount)),
      ("ready", .integer(self.readyCount)), ("running", JSONText(self.running)),
      ("waiting", JSONText(self.waiting)), ("kv_cache_usage_max", JSONText(self.cacheUsageMax)),
      ("prefix_hit_rate", JSONText(self.prefixHitRate)),
      ("prompt_tokens_per_second", JSONText(self.promptTokensPerSecond)),
      ("generation_tokens_per_second", JSONText(self.generationTokensPerSecond)),
      ("ttft_seconds", times(self.ttft)), ("itl_seconds", times(self.itl)),
      ("e2e_seconds", times(self.e2e)), ("queue_seconds", times(self.queue)),
      ("gpu_percent", JSONText(self.gpuPercent)), ("verdict", .string(self.verdict)),
      ("reason", .string(self.reason)),
      ("rollouts", self.rollouts.map { .integer(Int(clamping: $0)) } ?? .null),
      ("rollouts_per_second", JSONText(self.rolloutsPerSecond)),
    ]
  }
}

extension ServiceSample.Times {
  /// `nil` without observations, and where a percentile is no finite number.
  init?(_ times: FleetMetrics.Percentiles?) {
    guard let times, [times.count, times.p50, times.p90, times.p99].allSatisfy(\.isFinite) else {
      return nil
    }
    self.init(count: times.count, p50: times.p50, p90: times.p90, p99: times.p99)
  }
}

extension [GPUSample] {
  /// Of those that say it; `nil` where none does.
  var meanUtilizationPercent: Double? {
    let busy = self.compactMap(\.utilizationPercent).filter(\.isFinite)
    return busy.isEmpty ? nil : busy.reduce(0, +) / Double(busy.count)
  }
}
