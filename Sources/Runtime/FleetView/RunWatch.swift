package import Coordinator
package import Fleet
package import Manifest
import Plan
package import Runs
import Synchronization

/// Watches a run's fleet for whoever looks at it: knows how it is now, keeps the timeline in the run's
/// journal, and tells of changes as the manifest asks.
package final class RunWatch<ClockType: Clock & Sendable>: Sendable
where ClockType.Duration == Duration {
  /// Between two writes of what was seen; a killed process loses as much, and the nodes have it.
  private static var writeInterval: Duration { .seconds(1) }
  /// Within which a node answers, or counts as unreachable, where one moment is asked for.
  private static var answerTimeout: Duration { .seconds(20) }
  /// Between two samples of each service in the journal.
  private static var sampleInterval: Duration { .seconds(10) }

  private struct State {
    var fleet: FleetState
    var records: LineGrowth?
    var version: UInt64 = 0
  }

  private let run: LiveRun
  private let watch: FleetWatch<ClockType>
  private let journal: TimelineJournal
  private let records: RecordCounter
  private let interval: Duration?
  private let clock: ClockType
  private let began: ClockType.Instant
  private let state: Mutex<State>

  /// - Parameters:
  ///   - interval: From one page of a server to its next, by agents that are there; `nil`: states and
  ///     events only, by agents that are started where there is none.
  ///   - files: Of the nodes, whose lines are counted.
  /// - Throws: `RunFault` for files of a service that the run has not.
  package init(
    _ fleet: FleetContext, _ run: LiveRun, every interval: Duration?, files: [WatchedPattern] = [],
    clock: ClockType
  ) throws(RunFault) {
    let services = run.plan.services.map(\.name)
    for name in files.compactMap(\.service) where !services.contains(name) {
      throw RunFault(
        .request,
        Diagnostic(
          code: "unknown-service", "no service `\(name)` in this run, whose files could be watched",
          hints: [Nearest.hint(for: name, in: services, as: "its services")]))
    }
    let request = interval.map { interval in
      var request = NodeScrapeRequest(every: interval)
      request.samplesGPUs = true
      request.watchedFiles = files.map(\.path)
      request.exporters = run.plan.exporters ?? []
      return request
    }
    self.watch = FleetWatch(
      run.plan.watchedNodes, request,
      agents: interval == nil
        ? try fleet.agents(of: run.id, placing: run.plan) : fleet.observers(of: run),
      clock: clock)
    self.run = run
    self.journal = TimelineJournal(run)
    self.state = Mutex(State(fleet: FleetState(plan: run.plan, watching: files)))
    self.began = clock.now
    self.records = RecordCounter(fleet)
    self.interval = interval
    self.clock = clock
  }

  // MARK: What is known now

  /// Rises with each thing learnt.
  package var version: UInt64 { self.state.withLock { $0.version } }

  /// Muster's own records count before the lines of watched files.
  package func moment() -> FleetMoment {
    let now = self.now
    let (fleet, records) = self.state.withLock { ($0.fleet, $0.records) }
    let rollouts = records.map { FleetMoment.Rollouts(count: $0.last, perSecond: $0.rate) }
    return FleetMoment(
      run: self.run.id, fleet, at: now, milliseconds: self.run.surroundings.milliseconds(),
      rollouts: rollouts ?? fleet.rollouts, remembered: self.journal.lastStates)
  }

  /// All of it for Prometheus, made from a copy, so that nothing that comes waits for it.
  ///
  /// - Parameter interval: From one page of a replica to its next; positive.
  package func exposition(every interval: Duration) -> (text: [UInt8], contentType: String) {
    FleetExposition(self.state.withLock { $0.fleet }, interval: interval, at: self.now).page
  }

  // MARK: Watching

  /// Carries `body` out while the fleet is watched.
  ///
  /// - Parameter see: Hears of what is learnt, after it is known here.
  package func during(
    notify: ManifestNotify? = nil, see: @escaping @Sendable (FleetSight) async -> Void = { _ in },
    _ body: @escaping @Sendable () async throws -> Void
  ) async throws {
    defer { self.journal.write() }
    try await Notifier.during(
      notify, run: self.run.id, clock: self.clock, tell: self.run.surroundings.tell
    ) { notifier in
      try await withThrowingTaskGroup(of: Bool.self) { tasks in
        tasks.addTask {
          await self.watch.run { sight in
            self.see(sight, notifier)
            await see(sight)
          }
          return false
        }
        tasks.addTask { try await self.keepJournal() }
        if let interval { tasks.addTask { try await self.countRecords(every: interval) } }
        tasks.addTask {
          try await body()
          return true
        }
        defer { tasks.cancelAll() }
        while let isOver = try await tasks.next(), !isOver {}
      }
    }
    try Task.checkCancellation()
  }

  /// Watches until every node has answered and every server has shown how much it does, or time is over.
  package func settled(interval: Duration) async throws -> FleetMoment {
    try await self.during {
      let deadline = self.clock.now.advanced(by: Self.answerTimeout)
      while self.clock.now < deadline, !self.moment().hasAnswers {
        try await self.clock.sleep(for: .milliseconds(50))
      }
      // Two scrapes, each at its instant within the interval, and a slow answer.
      let last = self.clock.now.advanced(by: interval * 2 + .seconds(1))
      while self.clock.now < last, !self.moment().isComplete {
        try await self.clock.sleep(for: .milliseconds(50))
      }
      if !self.journal.hasSamples { self.sample() }
    }
    return self.moment()
  }

  /// What was learnt is in the journal when this returns; blocks for a sync of the disk.
  package func writeJournal() { self.journal.write() }

  /// The one place where all that is learnt of a run passes.
  private func see(_ sight: FleetSight, _ notifier: Notifier<ClockType>?) {
    // That a link was lost is an event for people too.
    let event = self.journal.see(sight)
    let now = self.now
    self.state.withLock { state in
      state.fleet.see(sight, at: now)
      if let event { state.fleet.see(.happened(event), at: now) }
      state.version += 1
    }
    notifier?.see(sight)
  }

  private var now: Duration { self.began.duration(to: self.clock.now) }

  private func keepJournal() async throws -> Bool {
    let began = self.clock.now
    var nextSample: ClockType.Instant?
    while true {
      try await self.clock.sleep(for: Self.writeInterval)
      self.journal.write()
      let now = self.clock.now
      guard self.interval != nil else { continue }
      // The first as soon as it says how much is done.
      let isDue =
        nextSample.map { now >= $0 }
        ?? (self.moment().isComplete || began.duration(to: now) >= Self.sampleInterval)
      guard isDue else { continue }
      nextSample = now.advanced(by: Self.sampleInterval)
      self.sample()
    }
  }

  private func sample() {
    self.journal.write(
      samples: self.moment().samples.map { ($0.service, $0.json()) })
  }

  private func countRecords(every interval: Duration) async throws -> Bool {
    var records = self.records
    while true {
      // A file that cannot be read now says nothing about how many records there are.
      self.see(recordCount: (try? records.count()) ?? nil)
      try await self.clock.sleep(for: interval)
    }
  }

  /// - Parameter count: Records of the eval under way; `nil` without one.
  private func see(recordCount count: UInt64?) {
    let now = self.now
    self.state.withLock { state in
      guard let count else { return state.records = nil }
      state.records = state.records ?? LineGrowth()
      state.records?.add(count, at: now, window: FleetState.growthWindow)
    }
  }
}

/// What a run's journal has of its timeline: the numbers of its services, and what happened.
package struct RunReplay: Sendable {
  package enum Entry: Sendable {
    case sample(ServiceSample)
    case event(ChainEvent)
  }

  package let run: String
  /// Oldest first.
  package let entries: [(milliseconds: Int64, entry: Entry)]
}

extension RunReplay {
  package init(_ run: LiveRun) throws(RunFault) {
    self.run = run.id
    // What two commands saw at once, or one of them twice, is told once.
    var timeline = FleetTimeline(journal: [])
    // Facts of nodes are long, and no part of the story.
    for event in try run.chain() where event.what != "facts" { timeline.add(event) }
    let samples = try run.samples().compactMap { milliseconds, json in
      ServiceSample(json: json).map { (milliseconds, Entry.sample($0)) }
    }
    let entries = samples + timeline.take().map { ($0.milliseconds, .event($0)) }
    self.entries = entries.sorted { $0.0 < $1.0 }
  }

  /// One object, its timeline oldest first.
  package var json: JSONText {
    let timeline = self.entries.map { milliseconds, entry in
      switch entry {
      case .sample(let sample):
        JSONText.object(
          [
            ("kind", .string(LiveRun.sampleKind)),
            ("time", .string(ChainEvent.time(milliseconds))),
            ("milliseconds", .integer(Int(milliseconds))),
          ] + sample.members)
      case .event(let event):
        JSONText.object([("kind", .string("event"))] + event.members())
      }
    }
    return .object([("run", .string(self.run)), ("timeline", .array(timeline))])
  }
}
