import Fleet
import FoundationEssentials
import GRPCCore
import Launch
import NIOCore
import NodeAPI
import SwiftProtobuf
import Synchronization
import Telemetry

/// Sends the metrics of this node: the pages of its servers, the counts of watched files.
///
/// Each endpoint has its own instant within the interval, chosen by its name, so that neither this
/// node nor the coordinator does all of a fleet's work at once.
struct ScrapeStream<ScrapeClock: Clock & Sendable>: Sendable
where ScrapeClock.Duration == Duration {
  /// For a server that is busy; it is asked again in the next interval.
  private static var timeout: TimeAmount { .seconds(5) }
  /// Of one page; vLLM's has 60 KB.
  private static var pageSizeMax: Int { 4 << 20 }
  /// Pages under way at once.
  private static var concurrency: Int { 16 }
  /// Reports are gathered for so long, a tenth of the interval at most, and sent together.
  private static var gatherTime: Duration { .milliseconds(500) }

  let supervisor: HostSupervisor<ScrapeClock>
  let gpus: GPUSampler<ScrapeClock>
  let blocking: BlockingCalls
  let group: any EventLoopGroup
  let clock: ScrapeClock
  let wallClockMilliseconds: @Sendable () -> Int64

  func send(
    _ request: Muster_V1_ScrapeRequest, to response: RPCWriter<Muster_V1_ScrapeReport>
  ) async throws {
    try request.check()
    if request.intervalMilliseconds == 0 {
      try await self.once(request, response)
    } else {
      try await self.repeatedly(request, response)
    }
  }

  private func once(
    _ request: Muster_V1_ScrapeRequest, _ response: RPCWriter<Muster_V1_ScrapeReport>
  ) async throws {
    try await self.round(of: request, from: self.clock.now) { try await response.write($0) }
    if request.gpus {
      let samples = try await self.gpus.sampleOnce()
      try await response.write(.with { $0.gpus = samples })
    }
    var files = WatchedFiles(patterns: request.watchedFiles)
    for file in try await self.look(&files) { try await response.write(.with { $0.file = file }) }
  }

  private func repeatedly(
    _ request: Muster_V1_ScrapeRequest, _ response: RPCWriter<Muster_V1_ScrapeReport>
  ) async throws {
    let feed = ScrapeBatches()
    let interval = request.interval
    let gatherTime = min(Self.gatherTime, interval / 10)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await self.feedPages(request, feed) }
      if !request.watchedFiles.isEmpty {
        tasks.addTask { try await self.feedFiles(request, feed) }
      }
      tasks.addTask {
        while true {
          for batch in feed.take() { try await response.write(batch) }
          try await self.clock.sleep(for: gatherTime)
        }
      }
      if request.gpus {
        tasks.addTask {
          try await self.gpus.sample(every: interval) { samples in
            feed.add(.with { $0.gpus = samples })
          }
          // A node without GPUs has said all.
          while !Task.isCancelled { try await self.clock.sleep(for: .seconds(3600)) }
        }
      }
      // The first that ends does so by an error or by cancellation.
      try await tasks.next()
      tasks.cancelAll()
    }
  }

  /// Rounds of one interval each; replicas that have come meanwhile are in the next one.
  private func feedPages(
    _ request: Muster_V1_ScrapeRequest, _ feed: ScrapeBatches
  ) async throws {
    var start = self.clock.now
    while true {
      try await self.round(of: request, from: start) { feed.add($0) }
      // One that was late does not make the next ones late.
      start = max(start.advanced(by: request.interval), self.clock.now)
      try await self.clock.sleep(until: start, tolerance: nil)
    }
  }

  /// Each page once, at its own instant of the interval.
  private func round(
    of request: Muster_V1_ScrapeRequest, from start: ScrapeClock.Instant,
    receive: @escaping @Sendable (Muster_V1_ScrapeReport) async throws -> Void
  ) async throws {
    let endpoints = self.endpoints(request)
      .map { (endpoint: $0, at: start.advanced(by: request.interval * $0.share)) }
      .sorted { $0.at < $1.at }
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      for (index, (endpoint, instant)) in endpoints.enumerated() {
        try await self.clock.sleep(until: instant, tolerance: nil)
        if index >= Self.concurrency { try await tasks.next() }
        tasks.addTask {
          let page = await self.page(of: endpoint)
          try await receive(.with { $0.page = page })
        }
      }
      try await tasks.waitForAll()
    }
  }

  private func feedFiles(
    _ request: Muster_V1_ScrapeRequest, _ feed: ScrapeBatches
  ) async throws {
    var files = WatchedFiles(patterns: request.watchedFiles)
    while true {
      for file in try await self.look(&files) { feed.add(.with { $0.file = file }) }
      try await self.clock.sleep(for: request.interval)
    }
  }

  private func look(_ files: inout WatchedFiles) async throws -> [Muster_V1_WatchedFile] {
    let time = self.wallClockMilliseconds()
    return try await self.blocking.change(&files) { $0.look(at: time) }
  }

  private func endpoints(_ request: Muster_V1_ScrapeRequest) -> [ScrapeEndpoint] {
    self.supervisor.livingReplicas.compactMap { replica in
      var endpoint = ScrapeEndpoint(replica)
      // Where the manifest names a place of its own, it may be that of an exporter beside.
      if replica.launch.metrics == nil {
        endpoint?.proof = self.supervisor.run(of: replica.key)?.ground.proof
      }
      return endpoint
    }
      + request.targets.map { target in
        ScrapeEndpoint(
          service: "", index: 0, target: target.name, port: Int(target.port),
          path: target.path.isEmpty ? "/metrics" : target.path)
      }
  }

  private func page(of endpoint: ScrapeEndpoint) async -> Muster_V1_MetricsPage {
    let began = self.clock.now
    var page = Muster_V1_MetricsPage.with {
      $0.service = endpoint.service
      $0.index = UInt32(endpoint.index)
      $0.target = endpoint.target
    }
    var request = HTTPProbeRequest(
      address: endpoint.address, port: endpoint.port, path: endpoint.path, timeout: Self.timeout)
    request.bodySizeMax = Self.pageSizeMax
    request.proof = endpoint.proof
    do {
      let answer = try await request.answer(on: self.group)
      if answer.status == 200 {
        page.text = Data(answer.body)
      } else {
        page.fault = "\(endpoint.path) answers \(answer.status)"
      }
    } catch {
      page.fault = "port \(endpoint.port): \(HTTPProbeError.reason(error))"
    }
    page.milliseconds = self.wallClockMilliseconds()
    let took = began.duration(to: self.clock.now) / Duration.microseconds(1)
    page.tookMicroseconds = UInt32(clamping: Int64(took))
    return page
  }
}

/// Where a page of metrics is, on this machine.
struct ScrapeEndpoint: Sendable {
  /// Of a replica; empty for a target that the coordinator names.
  var service: String
  var index: Int
  var target: String
  /// In digits.
  var address = ModelServer.loopback
  var port: Int
  var path: String
  /// That it is the replica's; `nil`: anybody may answer.
  var proof: AskedListener?

  /// Its place within an interval, 0 up to 1.
  var share: Double {
    ScrapeSchedule.share(of: "\(self.service)/\(self.index)/\(self.target)/\(self.port)")
  }
}

extension ScrapeEndpoint {
  /// `nil` for a replica that shows none.
  init?(_ replica: ReplicaSpecification) {
    guard let place = replica.launch.metricsPlace else { return nil }
    self.init(
      service: replica.key.service, index: replica.key.index, target: "",
      address: replica.launch.model?.probedAddress ?? ModelServer.loopback, port: place.port,
      path: place.path)
  }
}

extension Muster_V1_ScrapeRequest {
  fileprivate var interval: Duration { .milliseconds(Int64(self.intervalMilliseconds)) }

  /// What it must be before it is carried out.
  func check() throws(RPCError) {
    func refuse(_ reason: String) -> RPCError {
      RPCError(code: .invalidArgument, message: reason)
    }
    let interval = self.intervalMilliseconds
    guard interval == 0 || (100...3_600_000).contains(interval) else {
      throw refuse("interval_milliseconds is \(interval); 0, or 100 to 3600000")
    }
    guard self.targets.count <= NodeLimits.scrapeTargetCountMax, self.watchedFiles.count <= 64
    else {
      throw refuse("too many targets or files")
    }
    for target in self.targets {
      guard (1...65_535).contains(target.port) else {
        throw refuse("target `\(target.name)` has port \(target.port)")
      }
      guard target.path.isEmpty || HTTPPath.isPath(target.path) else {
        throw refuse("target `\(target.name)`: `\(target.path)` is not the path of a request")
      }
    }
    for pattern in self.watchedFiles where !pattern.hasPrefix("/") && !pattern.hasPrefix("~/") {
      throw refuse("the watched file `\(pattern)` is not an absolute path")
    }
  }
}

/// Reports on their way to one caller, gathered into messages.
final class ScrapeBatches: Sendable {
  /// Of all that wait for a slow link; newer ones are dropped, and come again.
  private static let pendingSizeMax = 16 << 20
  /// Of the pages in one message; a larger page goes alone.
  private static let batchSizeMax = 1 << 20

  private struct State {
    var reports: [Muster_V1_ScrapeReport] = []
    var size = 0
  }

  private let state = Mutex(State())

  func add(_ report: Muster_V1_ScrapeReport) {
    let size = Self.size(of: report)
    self.state.withLock { state in
      guard state.size + size <= Self.pendingSizeMax else { return }
      state.reports.append(report)
      state.size += size
    }
  }

  /// All that waits, in messages in the order in which it came.
  func take() -> [Muster_V1_ScrapeReport] {
    let reports = self.state.withLock { state in
      let reports = state.reports
      state = State()
      return reports
    }
    var batches: [[Muster_V1_ScrapeReport]] = []
    var size = 0
    for report in reports {
      let own = Self.size(of: report)
      if batches.isEmpty || size + own > Self.batchSizeMax {
        batches.append([])
        size = 0
      }
      batches[batches.count - 1].append(report)
      size += own
    }
    return batches.map { reports in
      reports.count == 1 ? reports[0] : .with { $0.batch.reports = reports }
    }
  }

  /// About: what else is in a report is small.
  private static func size(of report: Muster_V1_ScrapeReport) -> Int {
    report.page.text.count + 256
  }
}
