import Coordinator
import Fleet
import Health
import Launch
import Telemetry

/// All that a run's nodes and replicas say, as one page for Prometheus: every sample of every
/// replica's last page with labels that say whose it is, and what Muster itself knows. What is not
/// known, and what is old, is absent, never 0. It reads no clock; instants are passed in, since a
/// point of the caller's own.
package struct FleetExposition: Sendable {
  /// A page, or samples of GPUs, older than this many intervals are left out.
  package static let ageMaxInIntervals = 3

  private let ageMax: Duration
  private let state: FleetState

  /// - Parameter interval: From one page of a replica to its next; positive.
  package init(_ state: FleetState, interval: Duration) {
    self.ageMax = interval * Self.ageMaxInIntervals
    self.state = state
  }

  /// The page as it is now; its text and what it has to be called.
  package func page(at now: Duration) -> (text: [UInt8], contentType: String) {
    var merge = MetricsMerge()
    self.addNodes(to: &merge, at: now)
    self.addReplicas(to: &merge, at: now)
    self.addServices(to: &merge, at: now)
    self.addPages(to: &merge, at: now)
    return (merge.text(), merge.contentType)
  }

  // MARK: Nodes

  private func addNodes(to merge: inout MetricsMerge, at now: Duration) {
    for node in self.state.nodes where node.isReached || node.lostSince != nil {
      merge.add(
        gauge: "muster_node_reachable", node.isReached ? 1 : 0,
        help: "Whether the node's agent answers.", labels: [.init("node", node.name)])
    }
    for node in self.state.nodes {
      for gpu in self.gpus(of: node, at: now) { Self.add(gpu, of: node.name, to: &merge) }
    }
    for (key, count) in self.state.eventCounts.sorted(by: { $0.key < $1.key }) {
      merge.add(
        counter: "muster_events_total", Double(count),
        help: "What the node's agent told: states that replicas entered, and lines of their logs "
          + "about GPUs and the network between them.",
        labels: [.init("node", key.node), .init("kind", key.kind)])
    }
    if let rate = self.state.linesPerSecond {
      merge.add(
        gauge: "muster_watched_lines_per_second", rate,
        help: "Growth of all watched files together.", labels: [])
    }
  }

  private func gpus(of node: FleetState.Node, at now: Duration) -> [GPUSample] {
    guard let at = node.gpusAt, now - at <= self.ageMax else { return [] }
    return node.gpus
  }

  private static func add(_ gpu: GPUSample, of node: String, to merge: inout MetricsMerge) {
    let mebibyte = 1_048_576.0
    let labels: [MetricsMerge.Label] = [
      .init("node", node), .init("gpu", "\(gpu.index)"), .init("name", gpu.name),
    ]
    let values: [(name: String, value: Double?, help: String)] = [
      (
        "utilization_percent", gpu.utilizationPercent,
        "Share of the last moments in which a kernel ran, 0 to 100."
      ),
      ("memory_used_bytes", gpu.memoryUsedMiB.map { $0 * mebibyte }, "Memory in use."),
      ("memory_total_bytes", gpu.memoryTotalMiB.map { $0 * mebibyte }, "Memory there is."),
      ("power_watts", gpu.powerWatts, "Power drawn."),
      ("temperature_celsius", gpu.temperatureCelsius, "Temperature of the GPU."),
      (
        "uncorrected_ecc_errors", gpu.uncorrectedECCErrors.map(Double.init),
        "Uncorrected errors of its memory since the driver was loaded."
      ),
    ]
    for (name, value, help) in values {
      if let value { merge.add(gauge: "muster_gpu_\(name)", value, help: help, labels: labels) }
    }
  }

  // MARK: Replicas

  private func addReplicas(to merge: inout MetricsMerge, at now: Duration) {
    for replica in self.state.replicas {
      let labels = Self.labels(replica)
      if let report = replica.report {
        for phase in ReplicaPhase.allCases {
          merge.add(
            gauge: "muster_replica_state", phase == report.state ? 1 : 0,
            help: "1 for the state that the replica was last known in, 0 for the others.",
            labels: labels + [.init("state", phase.rawValue)])
        }
        merge.add(
          gauge: "muster_replica_attempts", Double(report.attempt),
          help: "Starts of the replica so far.", labels: labels)
      }
      guard replica.showsMetrics else { continue }
      merge.add(
        gauge: "muster_scrape_up", self.isFresh(replica, at: now) ? 1 : 0,
        help: "Whether the replica's last page came, and is on this one.", labels: labels)
      if let at = replica.page.arrived {
        merge.add(
          gauge: "muster_scrape_age_seconds", (now - at) / .seconds(1),
          help: "Time since the replica's last page came.", labels: labels)
      }
    }
  }

  private static func labels(_ replica: FleetState.Replica) -> [MetricsMerge.Label] {
    [
      .init("node", replica.node), .init("service", replica.key.service),
      .init("replica", "\(replica.key.index)"),
    ]
  }

  private func isFresh(_ replica: FleetState.Replica, at now: Duration) -> Bool {
    guard let at = replica.page.arrived, replica.page.text != nil else { return false }
    return now - at <= self.ageMax
  }

  private func addPages(to merge: inout MetricsMerge, at now: Duration) {
    var page = MetricsPage()
    for replica in self.state.replicas where self.isFresh(replica, at: now) {
      // It was read before: one that cannot be is not kept.
      guard let text = replica.page.text, (try? page.read(text)) != nil else { continue }
      merge.add(page, labels: Self.labels(replica))
    }
    for (node, exporters) in self.state.targets.sorted(by: { $0.key < $1.key }) {
      for (name, last) in exporters.sorted(by: { $0.key < $1.key }) {
        let labels: [MetricsMerge.Label] = [.init("node", node), .init("exporter", name)]
        let isUp =
          now - last.scrapedAt <= self.ageMax && !last.text.isEmpty
          && (try? page.read(last.text)) != nil
        merge.add(
          gauge: "muster_exporter_up", isUp ? 1 : 0,
          help: "Whether the exporter's last page came, and is on this one.", labels: labels)
        if isUp { merge.add(page, labels: labels) }
      }
    }
  }

  // MARK: Services

  private func addServices(to merge: inout MetricsMerge, at now: Duration) {
    for service in self.state.services {
      let metrics = FleetMetrics(
        service.replicas.filter { self.isFresh($0, at: now) }.map(\.metrics))
      let nodes = Set(service.replicas.map(\.node))
      let gpus = self.state.nodes.filter { nodes.contains($0.name) }
        .flatMap { self.gpus(of: $0, at: now) }
      Self.add(metrics, of: service.name, to: &merge)
      let verdict = ServiceVerdict(metrics, gpus: gpus).word
      guard verdict != .unknown else { continue }
      for word in ServiceVerdict.Word.allCases where word != .unknown {
        merge.add(
          gauge: "muster_service_verdict", word == verdict ? 1 : 0,
          help: "1 for the word for how well the service uses its GPUs, 0 for the others.",
          labels: [.init("service", service.name), .init("verdict", word.rawValue)])
      }
    }
  }

  private static func add(
    _ metrics: FleetMetrics, of service: String, to merge: inout MetricsMerge
  ) {
    let label = MetricsMerge.Label("service", service)
    let values: [(name: String, value: Double?, help: String)] = [
      (
        "generation_tokens_per_second", metrics.generationTokensPerSecond,
        "Tokens that its replicas generate together, between their last two pages."
      ),
      (
        "prompt_tokens_per_second", metrics.promptTokensPerSecond,
        "Tokens of prompts that its replicas take in together, between their last two pages."
      ),
      (
        "prefix_cache_hit_rate", metrics.prefixHitRate,
        "Share of the asked tokens that were in its prefix caches, 0 to 1, between two pages."
      ),
    ]
    for (name, value, help) in values {
      guard let value else { continue }
      merge.add(gauge: "muster_service_\(name)", value, help: help, labels: [label])
    }
    for latency in EngineLatency.allCases {
      guard let times = metrics.latencies[latency] else { continue }
      // A label `quantile` belongs to summaries.
      for (percentile, value) in [("50", times.p50), ("90", times.p90), ("99", times.p99)] {
        merge.add(
          gauge: "muster_service_latency_seconds", value,
          help: "Percentiles of pooled buckets, of what ended between the last two pages.",
          labels: [
            label, .init("latency", latency.rawValue), .init("percentile", percentile),
          ])
      }
    }
  }
}
