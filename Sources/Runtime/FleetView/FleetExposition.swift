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
  private typealias Label = MetricsMerge.Label

  /// A page, or samples of GPUs, older than this many intervals are left out.
  package static let ageMaxInIntervals = 3

  private let state: FleetState
  private let now: Duration
  private let ageMax: Duration
  private var merge = MetricsMerge()

  /// - Parameter interval: From one page of a replica to its next; positive.
  package init(_ state: FleetState, interval: Duration, at now: Duration) {
    self.state = state
    self.now = now
    self.ageMax = interval * Self.ageMaxInIntervals
    self.addNodes()
    self.addReplicas()
    self.addServices()
    self.addPages()
  }

  /// The page, and what it has to be called.
  package var page: (text: [UInt8], contentType: String) {
    (self.merge.text(), self.merge.contentType)
  }

  private mutating func add(_ name: String, _ value: Double?, _ labels: [Label], _ help: String) {
    guard let value else { return }
    self.merge.add("muster_\(name)", value, help: help, labels: labels)
  }

  private func isFresh(_ instant: Duration?) -> Bool {
    instant.map { self.now - $0 <= self.ageMax } ?? false
  }

  private func isFresh(_ page: EndpointPage) -> Bool {
    // An empty one says nothing: it is no page.
    page.text?.isEmpty == false && self.isFresh(page.arrived)
  }

  // MARK: Nodes

  private mutating func addNodes() {
    for node in self.state.nodes where node.isReached || node.lostSince != nil {
      self.add(
        "node_reachable", node.isReached ? 1 : 0, [Label("node", node.name)],
        "Whether the node's agent answers.")
    }
    for node in self.state.nodes where self.isFresh(node.gpusAt) {
      for gpu in node.gpus { self.add(gpu, of: node.name) }
    }
    for (node, counts) in self.state.eventCounts.sorted(by: { $0.key < $1.key }) {
      for (kind, count) in counts.sorted(by: { $0.key < $1.key }) {
        self.merge.add(
          "muster_events_total", Double(count), .counter,
          help: "What the node's agent told: states that replicas entered, and lines of their logs "
            + "about GPUs and the network between them.",
          labels: [Label("node", node), Label("kind", kind)])
      }
    }
    self.add(
      "watched_lines_per_second", self.state.rollouts?.perSecond, [],
      "Growth of all watched files together.")
  }

  private mutating func add(_ gpu: GPUSample, of node: String) {
    let mebibyte = 1_048_576.0
    let labels = [Label("node", node), Label("gpu", "\(gpu.index)"), Label("name", gpu.name)]
    self.add(
      "gpu_utilization_percent", gpu.utilizationPercent, labels,
      "Share of the last moments in which a kernel ran, 0 to 100.")
    self.add(
      "gpu_memory_used_bytes", gpu.memoryUsedMiB.map { $0 * mebibyte }, labels, "Memory in use.")
    self.add(
      "gpu_memory_total_bytes", gpu.memoryTotalMiB.map { $0 * mebibyte }, labels,
      "Memory there is.")
    self.add("gpu_power_watts", gpu.powerWatts, labels, "Power drawn.")
    self.add(
      "gpu_temperature_celsius", gpu.temperatureCelsius, labels, "Temperature of the GPU.")
    self.add(
      "gpu_uncorrected_ecc_errors", gpu.uncorrectedECCErrors.map(Double.init), labels,
      "Uncorrected errors of its memory since the driver was loaded.")
  }

  // MARK: Replicas

  private mutating func addReplicas() {
    for replica in self.state.replicas {
      let labels = [Label].of(replica.key, on: replica.node)
      if let report = replica.report {
        for phase in ReplicaPhase.allCases {
          self.add(
            "replica_state", phase == report.state ? 1 : 0,
            labels + [Label("state", phase.rawValue)],
            "1 for the state that the replica was last known in, 0 for the others.")
        }
        self.add(
          "replica_attempts", Double(report.attempt), labels, "Starts of the replica so far.")
      }
      guard replica.showsMetrics else { continue }
      self.add(
        "scrape_up", self.isFresh(replica.page) ? 1 : 0, labels,
        "Whether the replica's last page came, and is on this one.")
      self.add(
        "scrape_age_seconds", replica.page.arrived.map { (self.now - $0) / .seconds(1) }, labels,
        "Time since the replica's last page came.")
    }
  }

  private mutating func addPages() {
    var page = MetricsPage()
    for replica in self.state.replicas where self.isFresh(replica.page) {
      // It was read before: one that cannot be is not kept.
      guard let text = replica.page.text, (try? page.read(text)) != nil else { continue }
      self.merge.add(page, labels: .of(replica.key, on: replica.node))
    }
    for (node, exporters) in self.state.targets.sorted(by: { $0.key < $1.key }) {
      for (name, last) in exporters.sorted(by: { $0.key < $1.key }) {
        let labels = [Label("node", node), Label("exporter", name)]
        let text = self.isFresh(last) ? last.text ?? [] : []
        let isUp = !text.isEmpty && (try? page.read(text)) != nil
        self.add(
          "exporter_up", isUp ? 1 : 0, labels,
          "Whether the exporter's last page came, and is on this one.")
        if isUp { self.merge.add(page, labels: labels) }
      }
    }
  }

  // MARK: Services

  private mutating func addServices() {
    let services = self.state.services(ofPages: self.isFresh) { self.isFresh($0.gpusAt) }
    for service in services {
      let label = Label("service", service.name)
      self.add(service.metrics, of: label)
      let verdict = service.verdict.word
      guard verdict != .unknown else { continue }
      for word in ServiceVerdict.Word.allCases where word != .unknown {
        self.add(
          "service_verdict", word == verdict ? 1 : 0, [label, Label("verdict", word.rawValue)],
          "1 for the word for how well the service uses its GPUs, 0 for the others.")
      }
    }
  }

  private mutating func add(_ metrics: FleetMetrics, of service: Label) {
    self.add(
      "service_generation_tokens_per_second", metrics.generationTokensPerSecond, [service],
      "Tokens that its replicas generate together, between their last two pages.")
    self.add(
      "service_prompt_tokens_per_second", metrics.promptTokensPerSecond, [service],
      "Tokens of prompts that its replicas take in together, between their last two pages.")
    self.add(
      "service_prefix_cache_hit_rate", metrics.prefixHitRate, [service],
      "Share of the asked tokens that were in its prefix caches, 0 to 1, between two pages.")
    for latency in EngineLatency.allCases {
      guard let times = metrics.latencies[latency] else { continue }
      let labels = [service, Label("latency", latency.rawValue)]
      // A label `quantile` belongs to summaries.
      for (name, quantile) in times.quantiles {
        let bound = quantile.bound
        self.add(
          "service_latency_seconds", bound?.value ?? quantile.estimate,
          labels + [Label("percentile", "\(name.dropFirst())")]
            + (bound.map { [Label("bound", $0.name)] } ?? []),
          "Percentiles of pooled buckets, of what ended between the last two pages; with the label "
            + "`bound` it is below or above that, and no more is known.")
      }
      self.add(
        "service_latency_mean_seconds", times.mean, labels,
        "Mean of what ended between the last two pages.")
    }
  }
}
