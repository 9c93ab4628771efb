package import Coordinator
import Fleet
import Health
package import Launch
package import Manifest
package import Plan
import Recipes
package import Telemetry

/// What is known of a run's nodes and replicas, put together from what their agents said last. It reads
/// no clock; instants are passed in, since a point of the caller's own.
package struct FleetState: Sendable {
  package struct Node: Sendable {
    package let name: String
    /// `nil` before the first answer, and while its link is up.
    package fileprivate(set) var lostSince: Duration?
    package fileprivate(set) var isReached = false
    /// Why its link is down, in words; empty while it is up.
    package fileprivate(set) var fault = ""
    package fileprivate(set) var gpus: [GPUSample] = []
    /// Whether its agent has said what GPUs there are, even if none.
    package fileprivate(set) var hasSampledGPUs = false
    /// Why there are no samples, or what is wrong beside them, in words.
    package fileprivate(set) var gpuFault = ""
    /// Those of exporters, by name, where there is nothing of `nvidia-smi`.
    fileprivate var exported: [String: [GPUSample]] = [:]
    /// When its samples came; `nil` where there are none.
    package fileprivate(set) var gpusAt: Duration?
  }

  package struct Replica: Sendable {
    package let key: ReplicaKey
    package let node: String
    /// Whether it has a page at all.
    package let showsMetrics: Bool
    /// The last known one stands while its node cannot be reached; `nil`: never heard of.
    package fileprivate(set) var report: ReplicaReport?
    package fileprivate(set) var page = EndpointPage()
  }

  package struct Service: Sendable {
    package let name: String
    package let replicas: [Replica]
    package let metrics: FleetMetrics
    package let verdict: ServiceVerdict
    package let gpus: [GPUSample]
  }

  /// Those whose counts are there from the first answer: a counter that appears with 1 has no increase.
  private static let awaitedKinds = ["cuda", "nccl", "xid"]
  /// All that have counts of their own: what else a node says is `other`.
  private static let kinds = Set(
    Self.awaitedKinds + ["log"] + ReplicaPhase.allCases.map(\.rawValue))

  /// Events that are kept, the newest.
  package static let eventCountMax = 500
  /// Watched files of all nodes together; further ones are left out.
  private static let fileCountMax = 1 << 14
  /// Files that grow are measured over so long.
  static let growthWindow = Duration.seconds(30)

  private let plan: Plan
  private let watched: [WatchedPattern]
  package private(set) var nodes: [Node]
  package private(set) var replicas: [Replica]
  /// Oldest first.
  package private(set) var events: [ChainEvent] = []
  /// How many there were since the watch began, by node and kind.
  package private(set) var eventCounts: [String: [String: Int]] = [:]
  /// Of the replicas.
  private var positions: [ReplicaKey: Int] = [:]
  /// That came, of replicas and others, with faults too.
  package private(set) var pageCount = 0
  private var scrape = EngineScrape()
  private var dcgm = DCGMScrape()
  private var growths: [String: WatchedGrowth] = [:]
  /// Which of them is at which path of which node.
  private var files: [String: String] = [:]
  /// Pages of endpoints that are no replicas, by node and name.
  package private(set) var targets: [String: [String: EndpointPage]] = [:]

  /// - Parameter watched: In the order in which agents are asked for them.
  package init(plan: Plan, watching watched: [WatchedPattern] = []) {
    self.plan = plan
    self.watched = watched
    self.nodes = plan.watchedNodes.map { Node(name: $0.name) }
    let launches = plan.services.flatMap { $0.replicas.map(\.launch) }
    self.replicas = zip(plan.standings(), launches).map { replica, launch in
      Replica(
        key: replica.key, node: replica.node, showsMetrics: launch.metricsPlace != nil)
    }
    for (index, replica) in self.replicas.enumerated() { self.positions[replica.key] = index }
  }

  // MARK: What comes

  package mutating func see(_ sight: FleetSight, at now: Duration) {
    switch sight {
    case .reached(let node):
      self.change(node) {
        $0.isReached = true
        $0.lostSince = nil
        $0.fault = ""
      }
      for kind in Self.awaitedKinds { self.count(kind, on: node, by: 0) }
    case .lost(let fault):
      self.change(fault.node) {
        if $0.fault.isEmpty { $0.lostSince = now }
        $0.isReached = false
        $0.fault = fault.diagnostic.summary
        ($0.gpus, $0.gpusAt, $0.exported) = ([], nil, [:])
      }
      // A state stands while its node cannot be reached; how much it does at present is unknown.
      for index in self.replicas.indices where self.replicas[index].node == fault.node {
        self.replicas[index].page.forget()
      }
    case .reported(let report):
      // A node speaks for its own replicas only.
      guard let index = self.index(of: report.key, on: report.node) else { return }
      self.replicas[index].report = report
    case .happened(let event):
      self.events.append(event)
      self.count(
        Self.kinds.contains(event.what) ? event.what : "other", on: event.node, by: 1)
      if self.events.count > Self.eventCountMax { self.events.removeFirst() }
    case .scraped(let node, let scrape): self.add(scrape, of: node, at: now)
    }
  }

  private mutating func count(_ kind: String, on node: String, by count: Int) {
    self.eventCounts[node, default: [:]][kind, default: 0] += count
  }

  private mutating func add(_ scrape: NodeScrape, of node: String, at now: Duration) {
    switch scrape {
    case .gpus(_, let samples, let fault):
      self.change(node) {
        $0.hasSampledGPUs = true
        // What an exporter tells needs no `nvidia-smi`.
        $0.gpuFault = $0.exported.isEmpty || !samples.isEmpty ? fault : ""
        if samples.isEmpty, !$0.exported.isEmpty { return }
        $0.gpus = samples
        $0.gpusAt = samples.isEmpty ? nil : now
        $0.exported = [:]
      }
    case .file(let path, let milliseconds, let lines, _, let sharedAs, let pattern):
      let place = "\(node) \(path)"
      let key = sharedAs.isEmpty ? place : sharedAs
      guard self.files.count < Self.fileCountMax || self.files[place] != nil else { return }
      // Another file by that name: the one of before is not there any more.
      if let former = self.files.updateValue(key, forKey: place), former != key {
        self.growths[former] = nil
      }
      let service = self.watched.indices.contains(pattern) ? self.watched[pattern].service : nil
      var growth = self.growths[key] ?? WatchedGrowth(node: node, service: service)
      if growth.isTold(by: node, of: self.nodes.count) {
        growth.lines.add(lines, at: .milliseconds(milliseconds), window: Self.growthWindow)
      }
      self.growths[key] = growth
    case .page(let page):
      self.pageCount += 1
      switch page.source {
      case .target(let name):
        guard self.isAsked(name, of: node) else { return }
        self.targets[node, default: [:]][name, default: EndpointPage()]
          .add(page, at: now, with: &self.scrape)
        self.addGPUs(of: page, named: name, of: node, at: now)
      case .replica(let key):
        guard let index = self.index(of: key, on: node) else { return }
        self.replicas[index].page.add(page, at: now, with: &self.scrape)
      }
    }
  }

  /// A node is semi-trusted: it speaks for the exporters that it was asked for only.
  private func isAsked(_ exporter: String, of node: String) -> Bool {
    self.plan.exporters?.contains { $0.name == exporter && $0.nodes.contains(node) } ?? false
  }

  /// A DCGM exporter says more of GPUs than nothing, and no more than `nvidia-smi`. One that is silent, or
  /// says nothing of GPUs any more, takes back what it said: else its last numbers would stand for good.
  private mutating func addGPUs(
    of page: NodePage, named name: String, of node: String, at now: Duration
  ) {
    let gpus = (try? self.dcgm.read(page.text)) ?? []
    self.change(node) {
      if gpus.isEmpty {
        guard $0.exported.removeValue(forKey: name) != nil else { return }
        let reason = page.fault.isEmpty ? "no GPU on its page" : page.fault
        $0.gpuFault = "exporter `\(name)`: \(reason)"
      } else {
        guard $0.gpus.isEmpty || !$0.exported.isEmpty else { return }
        $0.exported[name] = gpus
        $0.gpuFault = ""
        $0.gpusAt = now
      }
      // Two may say the same of a GPU, or each its own: one by index, of the first by name.
      var byIndex: [Int: GPUSample] = [:]
      for (_, gpus) in $0.exported.sorted(by: { $0.key < $1.key }) {
        for gpu in gpus where byIndex[gpu.index] == nil { byIndex[gpu.index] = gpu }
      }
      $0.gpus = byIndex.values.sorted { $0.index < $1.index }
      if $0.gpus.isEmpty { $0.gpusAt = nil }
    }
  }

  private mutating func change(_ name: String, _ change: (inout Node) -> Void) {
    guard let index = self.nodes.firstIndex(where: { $0.name == name }) else { return }
    change(&self.nodes[index])
  }

  private func index(of key: ReplicaKey, on node: String) -> Int? {
    guard let index = self.positions[key], self.replicas[index].node == node else { return nil }
    return index
  }

  // MARK: What it means

  /// In the order of the plan.
  package var services: [Service] { self.services(ofPages: { _ in true }, gpus: { _ in true }) }

  /// In the order of the plan, by those pages and those nodes' GPUs that count.
  func services(ofPages: (EndpointPage) -> Bool, gpus: (Node) -> Bool) -> [Service] {
    self.plan.services.map { service in
      let replicas = self.replicas.filter { $0.key.service == service.name }
      let nodes = Set(replicas.map(\.node))
      let gpus = self.nodes.filter { nodes.contains($0.name) && gpus($0) }.flatMap(\.gpus)
      let metrics = FleetMetrics(replicas.map(\.page).filter(ofPages))
      return Service(
        name: service.name, replicas: replicas, metrics: metrics,
        verdict: ServiceVerdict(metrics, gpus: gpus), gpus: gpus)
    }
  }

  /// What watched files say of the work; `nil` where none was found.
  package var rollouts: FleetMoment.Rollouts? { self.rollouts { _ in true } }

  /// Of the files that are said to be that service's.
  package func rollouts(of service: String) -> FleetMoment.Rollouts? {
    self.rollouts { $0.service == service }
  }

  private func rollouts(_ counts: (WatchedGrowth) -> Bool) -> FleetMoment.Rollouts? {
    let growths = self.growths.values.filter(counts)
    guard !growths.isEmpty else { return nil }
    let rates = growths.compactMap(\.lines.rate)
    return .init(
      count: growths.reduce(0) { $0 &+ $1.lines.last },
      perSecond: rates.isEmpty ? nil : rates.reduce(0, +))
  }
}

extension EndpointPage {
  /// What an agent passed on.
  mutating func add(_ page: NodePage, at now: Duration, with scrape: inout EngineScrape) {
    guard page.fault.isEmpty else { return self.miss(page.fault) }
    self.add(page.text, madeAt: .milliseconds(page.milliseconds), at: now, with: &scrape)
  }
}

/// A watched file, by the word of one of the nodes that see it: their clocks differ, and what one has
/// written others see later.
private struct WatchedGrowth {
  /// Intervals after which a node that says nothing more of the file has lost it.
  private static let silentIntervalMax = 3

  private var node: String
  let service: String?
  /// Of other nodes, since that one spoke.
  private var otherCount = 0
  var lines = LineGrowth()

  init(node: String, service: String?) {
    self.node = node
    self.service = service
  }

  /// Whether the word of `node`, one of `nodeCount`, counts.
  mutating func isTold(by node: String, of nodeCount: Int) -> Bool {
    if node == self.node {
      self.otherCount = 0
      return true
    }
    self.otherCount += 1
    guard self.otherCount > Self.silentIntervalMax * nodeCount else { return false }
    self = WatchedGrowth(node: node, service: self.service)
    return true
  }
}

/// How fast something that is counted grows, such as the lines of a file, over the last half minute or
/// so.
struct LineGrowth: Sendable {
  private var looks: [(lines: UInt64, at: Duration)] = []

  var last: UInt64 { self.looks.last?.lines ?? 0 }

  /// - Parameter window: What the rate is measured over, where there are looks enough.
  mutating func add(_ lines: UInt64, at instant: Duration, window: Duration) {
    // Begun anew, or the node's clock was set back.
    if let last = self.looks.last, last.lines > lines || last.at >= instant { self.looks = [] }
    self.looks.append((lines, instant))
    // One that is older than the window is what the newest is measured against.
    while self.looks.count > 2, instant - self.looks[1].at >= window { self.looks.removeFirst() }
  }

  /// Per second; `nil` before the second look.
  var rate: Double? {
    guard let first = self.looks.first, let last = self.looks.last, last.at > first.at else {
      return nil
    }
    return Double(last.lines - first.lines) / ((last.at - first.at) / .seconds(1))
  }
}
