import Coordinator
import Plan

/// Watches a run's fleet while somebody looks at it, and keeps the timeline in the run's journal.
struct TopWatch: Sendable {
  /// Between two writes of what was seen; a killed process loses as much, and the nodes have it.
  private static let writeInterval = Duration.seconds(1)
  /// Between two samples of each service in the journal.
  private static let sampleInterval = Duration.seconds(10)

  let board: FleetBoard
  private let watch: FleetWatch<ContinuousClock>
  private let journal: TimelineJournal
  private let records: RecordCounter
  private let interval: Duration
  private let clock = ContinuousClock()

  init(_ fleet: FleetContext, _ run: LiveRun, every interval: Duration, files: [String]) throws {
    var request = NodeScrapeRequest(every: interval)
    request.samplesGPUs = true
    request.watchedFiles = files
    request.exporters = run.plan.exporters ?? []
    self.watch = FleetWatch(
      run.plan.watchedNodes, request, open: fleet.links(to: run.id),
      attachment: try fleet.attachment(holding: false), clock: ContinuousClock())
    self.journal = TimelineJournal(run)
    self.board = FleetBoard(run, remembered: self.journal.lastStates)
    self.records = RecordCounter(fleet)
    self.interval = interval
  }

  /// Carries `body` out while the fleet is watched.
  func during(_ notifier: Notifier?, _ body: @escaping @Sendable () async throws -> Void)
    async throws
  {
    defer { self.journal.write() }
    try await withThrowingTaskGroup(of: Bool.self) { tasks in
      tasks.addTask {
        await self.watch.run { self.see($0, notifier) }
        return false
      }
      tasks.addTask { try await self.keepJournal() }
      tasks.addTask { try await self.countRecords() }
      tasks.addTask {
        try await body()
        return true
      }
      defer { tasks.cancelAll() }
      while let isOver = try await tasks.next(), !isOver {}
    }
    try Task.checkCancellation()
  }

  private func see(_ sight: FleetSight, _ notifier: Notifier?) {
    self.board.see(sight)
    // That a link was lost is an event for people too.
    if let event = self.journal.see(sight) { self.board.see(.happened(event)) }
    switch sight {
    case .reached(let node): notifier?.reached(node)
    case .lost(let fault): notifier?.faulted(fault)
    case .reported(let report): notifier?.reported(report)
    case .happened, .scraped: break
    }
  }

  private func keepJournal() async throws -> Bool {
    let began = self.clock.now
    var nextSample: ContinuousClock.Instant?
    while true {
      try await self.clock.sleep(for: Self.writeInterval)
      self.journal.write()
      let now = self.clock.now
      // The first as soon as it says how much is done.
      let isDue =
        nextSample.map { now >= $0 }
        ?? (self.board.moment().isComplete || now - began >= Self.sampleInterval)
      guard isDue else { continue }
      nextSample = now.advanced(by: Self.sampleInterval)
      self.sample()
    }
  }

  /// Writes the numbers of each service as they are, where none were written yet.
  func sampleIfNone() {
    if !self.journal.hasSamples { self.sample() }
  }

  private func sample() {
    self.journal.write(self.board.moment().samples)
  }

  private func countRecords() async throws -> Bool {
    var records = self.records
    while true {
      // A file that cannot be read now says nothing about how many records there are.
      self.board.see(recordCount: (try? records.count()) ?? nil)
      try await self.clock.sleep(for: self.interval)
    }
  }
}
