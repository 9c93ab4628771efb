import Health
import Launch
import NodeAPI
import SwiftProtobuf
import Synchronization

/// Sees one replica through, over all of its attempts: looks ten times a second, tells the machine, and
/// does what it says.
final class ReplicaRun<Ground: ReplicaGround>: Sendable {
  typealias Life = ReplicaLife<Ground.RunClock.Instant>
  /// What an earlier daemon launched, and how it was shown last.
  typealias Former = (attempt: Ground.Attempt, status: ReplicaStatus?)

  /// What all replicas of a node share.
  struct Context: Sendable {
    let wallClockMilliseconds: @Sendable () -> Int64
    let board: StatusBoard
    let events: EventLog
  }

  let key: ReplicaKey
  let ground: Ground
  let life: Mutex<Life>
  private let context: Context

  init(_ life: Life, on ground: Ground, context: Context) {
    self.key = life.replica.key
    self.life = Mutex(life)
    self.ground = ground
    self.context = context
  }

  var attempt: Int { self.life.withLock { $0.attempt } }
  var startedBy: UInt64? { self.life.withLock { $0.startedBy } }
  /// Whether nothing happens to it any more, and all there is to say about it is said.
  var isOver: Bool { self.life.withLock { $0.isOver } }
  /// Whether it is on its way to its end, or there.
  var isLeaving: Bool { self.life.withLock { $0.isLeaving } }
  /// Whether nothing happens to it any more, but that is still to be told.
  var isEnding: Bool { self.life.withLock { $0.isEnding } }
  var remains: ReplicaRemains { self.life.withLock { $0.remains } }

  func askToStop() { self.change { $0.stopAsked(at: $1) } }

  /// Its last attempt is over, by what an earlier daemon left.
  func find(over reason: String) { self.change { $0.foundOver(reason, at: $1) } }

  /// Returns when nothing happens to it any more, or the daemon ends.
  func run(adopting former: Former? = nil) async {
    if let (attempt, status) = former {
      self.change { $0.adopted(as: status, processID: attempt.processID, at: $1) }
      // Nothing is told before the first look: it may have ended since.
      await self.supervise(attempt)
    }
    while !Task.isCancelled {
      switch self.change({ $0.timePassed(at: $1) }) {
      case .launch:
        if let attempt = await self.launch() {
          await self.tell()
          await self.supervise(attempt)
        }
      case .none, .attempt:
        await self.rest()
      case .end:
        await self.tell()
        self.change { life, _ in life.told() }
        return self.context.board.bell.ring()
      }
    }
  }

  private func launch() async -> Ground.Attempt? {
    await self.tell()
    do {
      let attempt = try await self.ground.launch(attempt: self.attempt)
      self.change { $0.launched(processID: attempt.processID, at: $1) }
      return attempt
    } catch is CancellationError {
      // The daemon ends; the next one finds the record.
      return nil
    } catch {
      // Whoever holds a port may be gone at the next attempt.
      var isLasting = true
      if case NodeAgentError.portTaken = error { isLasting = false }
      self.change { [isLasting] in
        $0.launchFailed("\(error)", isLasting: isLasting, at: $1)
      }
      // Between two attempts nothing else tells of it.
      await self.tell()
      return nil
    }
  }

  /// Returns when the attempt is over.
  private func supervise(_ first: Ground.Attempt) async {
    var attempt = first
    var filter = LogEventFilter()
    await withDiscardingTaskGroup { probes in
      while !Task.isCancelled, self.life.withLock({ $0.isAttempting }) {
        let isClearing = self.life.withLock { $0.isClearing }
        guard let sight = try? await attempt.look(isClearing: isClearing) else { break }
        for event in filter.events(in: sight.logLines) { self.record(event) }
        let action = self.change { life, now in
          life.saw(sight, at: now)
          return life.timePassed(at: now)
        }
        let current = attempt
        switch action {
        case .none, .launch, .end, .attempt(.none): break
        case .attempt(.probe):
          probes.addTask {
            let outcome = await current.probe(self.note)
            self.change { $0.probed(outcome, at: $1) }
          }
        case .attempt(.look):
          probes.addTask {
            let sight = await current.sight()
            self.change { $0.looked(sight, at: $1) }
          }
        case .attempt(.canary):
          probes.addTask {
            let outcome = await current.probe(self.note)
            self.change { $0.answered(outcome, at: $1) }
          }
        case .attempt(.terminate): await attempt.terminate()
        case .attempt(.kill): await attempt.kill()
        case .attempt(.giveUp):
          let leftovers = await attempt.leftovers()
          self.change { life, _ in life.gaveUp(leftovers) }
        }
        await self.tell()
        if self.life.withLock({ $0.isAttempting }) { await self.rest() }
      }
      probes.cancelAll()
    }
  }

  private func rest() async {
    await self.ground.rest(quietUntil: self.life.withLock { $0.quietUntil })
  }

  @Sendable private func note(_ note: ProbeNote) {
    self.change { life, _ in life.heard(note) }
  }

  @discardableResult
  private func change<Result>(
    _ event: (inout Life, Ground.RunClock.Instant) -> sending Result
  ) -> sending Result {
    self.life.withLock { event(&$0, self.ground.clock.now) }
  }

  // MARK: Telling

  /// Puts what has changed on the board, into the log of events, and where people may read it.
  func tell() async {
    let (attempt, wantsLogEnd) = self.life.withLock { ($0.attempt, $0.wantsLogEnd) }
    if wantsLogEnd {
      let lines = await self.ground.logEnd(ofAttempt: attempt).map(self.ground.redact)
      self.change { life, _ in life.explained(by: lines) }
    }
    let path = self.ground.logPath(ofAttempt: attempt)
    let status = self.life.withLock {
      $0.status(logPath: path, at: self.context.wallClockMilliseconds())
    }
    let shown = self.context.board.status(of: self.key)
    if shown == status { return }
    if shown?.state != status.state || shown?.attempt != status.attempt {
      self.context.events.record(Muster_V1_NodeEvent(status))
    }
    self.context.board.post(status, for: self.key)
    await self.ground.publish(status)
  }

  /// What a line of its log tells of.
  private func record(_ event: Muster_V1_NodeEvent) {
    var event = event
    event.text = self.ground.redact(event.text)
    (event.service, event.index) = (self.key.service, UInt32(clamping: self.key.index))
    event.attempt = UInt32(clamping: self.attempt)
    self.context.events.record(event)
  }
}
