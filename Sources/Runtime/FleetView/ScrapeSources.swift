package import Coordinator
import Fleet
import Launch
import ModelAPI
import Plan
package import Runs
import Telemetry

/// How often pages are fetched.
package enum ScrapePace: Equatable, Sendable {
  /// Between the two readings of ``twice``.
  package static let pause = Duration.seconds(1)

  case once
  case twice
  case watch(Duration)

  /// Pages of each endpoint after which it is enough.
  var count: Int {
    switch self {
    case .once: 1
    case .twice: 2
    case .watch: .max
    }
  }

  var interval: Duration {
    switch self {
    case .once, .twice: ScrapePace.pause
    case .watch(let interval): interval
    }
  }
}

/// The replicas of a run, and the links to their agents.
package struct ScrapedRun: Sendable {
  struct Node: Sendable {
    let node: Plan.Node
    /// Each replica's index on the board.
    let places: [(key: ReplicaKey, index: Int)]
  }

  let nodes: [Node]
  let agents: AgentConnector

  /// Puts every replica of the newest run that shows metrics on the board.
  package init(_ fleet: FleetContext, _ board: ScrapeBoard) async throws(RunFault) {
    let run = try await fleet.liveRun()
    let launches = run.plan.services.flatMap { $0.replicas.map(\.launch) }
    let shown = zip(run.plan.standings(), launches).filter { $1.metricsPlace != nil }.map(\.0)
    self.nodes = run.plan.nodes.compactMap { node in
      let places = shown.filter { $0.node == node.name }.map { replica in
        let labels = [MetricsMerge.Label].of(replica.key, on: node.name)
        return (key: replica.key, index: board.append("\(replica.key)", labels: labels))
      }
      return places.isEmpty ? nil : Node(node: node, places: places)
    }
    self.agents = try fleet.agents(of: run.id, holding: false)
  }
}

/// Fetches pages onto a board, directly and through agents.
package struct ScrapeSources<ClockType: Clock & Sendable>: Sendable
where ClockType.Duration == Duration {
  /// Between the first requests of two endpoints, so that a thousand are not one burst.
  private static var spread: Duration { .milliseconds(5) }

  private let board: ScrapeBoard
  private let agents: ScrapedRun?
  private let pace: ScrapePace
  private let timeout: Duration
  private let clock: ClockType

  /// - Parameter timeout: That a page may take.
  package init(
    board: ScrapeBoard, agents: ScrapedRun?, pace: ScrapePace, timeout: Duration, clock: ClockType
  ) {
    (self.board, self.agents, self.pace) = (board, agents, pace)
    (self.timeout, self.clock) = (timeout, clock)
  }

  /// Ends when each endpoint has been asked as often as wanted; never while it watches.
  ///
  /// - Returns: The faults of nodes that could not be asked.
  package func run() async throws -> [NodeFault] {
    let direct = self.board.snapshot().enumerated().filter { $0.element.url != nil }
    return try await HTTPScraper.with(timeout: self.timeout, clock: self.clock) { scraper in
      try await withThrowingTaskGroup(of: NodeFault?.self) { tasks in
        let begin = ScrapeSchedule(every: Self.spread * max(1, direct.count))
        for (index, endpoint) in direct {
          let first = begin.offset(of: endpoint.name)
          tasks.addTask {
            try await self.fetch(endpoint, index, first, scraper)
            return nil
          }
        }
        for node in self.agents?.nodes ?? [] { tasks.addTask { try await self.ask(node) } }
        return try await tasks.reduce(into: []) { if let fault = $1 { $0.append(fault) } }
      }
    }
  }

  private func fetch(
    _ endpoint: ScrapeBoard.Endpoint, _ index: Int, _ first: Duration, _ scraper: HTTPScraper
  ) async throws {
    let clock = self.clock
    let start = clock.now
    let schedule = ScrapeSchedule(every: self.pace.interval)
    try await clock.sleep(for: first)
    for count in 1... {
      let begin = clock.now
      do throws(HTTPScrapeFault) {
        let page = try await scraper.page(endpoint.url ?? "")
        self.board.add(page, from: index, at: start.duration(to: clock.now))
      } catch {
        self.board.add(fault: "\(error)", from: index)
      }
      guard count < self.pace.count else { return }
      switch self.pace {
      case .once, .twice:
        try await clock.sleep(until: begin.advanced(by: ScrapePace.pause), tolerance: nil)
      case .watch:
        let next = schedule.next(of: endpoint.name, after: start.duration(to: clock.now))
        try await clock.sleep(until: start.advanced(by: next), tolerance: nil)
      }
    }
  }

  // MARK: Agents

  /// - Returns: Why the node showed nothing; never while it watches.
  private func ask(_ node: ScrapedRun.Node) async throws -> NodeFault? {
    while true {
      var fault: NodeFault?
      do throws(NodeFault) {
        try await self.stream(node)
      } catch {
        fault = self.took(error, node) ? error : nil
      }
      try Task.checkCancellation()
      guard case .watch(let interval) = self.pace else { return fault }
      try await self.clock.sleep(for: interval)
    }
  }

  /// A replica that shows no metrics lets a single scrape run into its timeout: what the others of
  /// its node have shown by then stands.
  ///
  /// - Returns: Whether none has shown any.
  private func took(_ fault: NodeFault, _ node: ScrapedRun.Node) -> Bool {
    let isWatching = self.pace.count == .max
    let silent = node.places.filter {
      isWatching || self.board.tryCount(ofAll: [$0.index]) == 0
    }
    for place in silent { self.board.add(fault: fault.diagnostic.summary, from: place.index) }
    return silent.count == node.places.count
  }

  private func stream(_ node: ScrapedRun.Node) async throws(NodeFault) {
    guard let agents = self.agents else { return }
    var request = NodeScrapeRequest(every: self.pace == .once ? nil : self.pace.interval)
    if self.pace.count < .max { request.timeout = ScrapePace.pause * 2 + self.timeout }
    let (board, wanted) = (self.board, self.pace.count)
    let indices = node.places.map(\.index)
    try await agents.agents.scrape(node.node, request) { scrape in
      guard case .page(let page) = scrape, case .replica(let key) = page.source,
        let index = node.places.first(where: { $0.key == key })?.index
      else { return true }
      board.add(page, from: index)
      return board.tryCount(ofAll: indices) < wanted
    }
  }
}
