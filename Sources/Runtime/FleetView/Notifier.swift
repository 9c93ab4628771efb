package import Coordinator
import Dispatch
package import Fleet
import Health
import Launch
import Links
package import Manifest
import ModelAPI
import Synchronization

/// Tells of changes of state as the manifest's `notify:` asks for, beside whatever watches the run: it
/// delays nothing and fails nothing.
package final class Notifier<ClockType: Clock & Sendable>: Sendable
where ClockType.Duration == Duration, ClockType.Instant: Sendable {
  /// Of one program or one POST, and of all that is left when the watching ends.
  private static var timeout: Duration { .seconds(10) }
  /// Messages that wait for a slow program; with one message a service and event in `every`, more
  /// than that are stale.
  private static var waitingCountMax: Int { 64 }
  /// Of a reason in bytes, so that a message, which has it twice and with escapes, fits into a pipe.
  private static var reasonSizeMax: Int { 4096 }

  private let settings: ManifestNotify
  private let run: String
  private let clock: ClockType
  private let report: @Sendable (Diagnostic) -> Void
  private let machine: Mutex<NotifyMachine<ClockType.Instant>>
  private let notices: AsyncStream<Notice>
  private let feed: AsyncStream<Notice>.Continuation
  /// Targets of which a fault was said.
  private let complained: Mutex<Set<String>> = Mutex([])

  private init(
    _ settings: ManifestNotify, run: String, clock: ClockType,
    tell: @escaping @Sendable (Diagnostic) -> Void
  ) {
    self.settings = settings
    self.run = run
    self.clock = clock
    self.report = tell
    self.machine = Mutex(NotifyMachine(settings))
    (self.notices, self.feed) = AsyncStream.makeStream(
      bufferingPolicy: .bufferingNewest(Self.waitingCountMax))
  }

  /// Carries `body` out with a notifier beside it; without `settings` with none. What is still to be
  /// told at its end has 10 s.
  ///
  /// - Parameter tell: Takes what is wrong with the targets of `notify:`.
  package static func during<Value: Sendable>(
    _ settings: ManifestNotify?, run: String, clock: ClockType,
    tell: @escaping @Sendable (Diagnostic) -> Void, _ body: (Notifier?) async throws -> Value
  ) async throws -> Value {
    guard let settings else { return try await body(nil) }
    let notifier = Notifier(settings, run: run, clock: clock, tell: tell)
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { for await notice in notifier.notices { await notifier.deliver(notice) } }
      tasks.addTask { await notifier.tellWhatWasHeldBack() }
      let result: Result<Value, any Error>
      do {
        result = .success(try await body(notifier))
      } catch {
        result = .failure(error)
      }
      notifier.machine.withLock { $0.ended() }.forEach(notifier.tell)
      notifier.feed.finish()
      tasks.addTask { try? await notifier.clock.sleep(for: Self.timeout) }
      _ = await tasks.nextResult()
      tasks.cancelAll()
      return try result.get()
    }
  }

  /// What a watch learns; of the faults of links only an unreachable node is told.
  package func see(_ sight: FleetSight) {
    let now = self.clock.now
    switch sight {
    case .reached(let node): self.machine.withLock { $0.reached(node) }
    case .lost(let fault) where fault.kind == .unreachable:
      self.tell(
        self.machine.withLock { $0.lost(fault.node, reason: fault.diagnostic.summary, at: now) })
    case .reported(let report): self.tell(self.machine.withLock { $0.reported(report, at: now) })
    case .lost, .happened, .scraped: break
    }
  }

  /// What happens in a launch.
  package func observed(_ event: LaunchEvent) {
    switch event {
    case .reported(let report): self.see(.reported(report))
    case .attached(let node, _): self.see(.reached(node: node))
    case .faulted(let fault): self.see(.lost(fault))
    case .starting, .examined, .checked, .warned, .succeeded, .aborted, .leftBehind: break
    }
  }

  /// Until the task is cancelled.
  private func tellWhatWasHeldBack() async {
    while (try? await self.clock.sleep(for: .seconds(1))) != nil {
      let now = self.clock.now
      self.machine.withLock { $0.due(at: now) }.forEach(self.tell)
    }
  }

  private func tell(_ notice: Notice?) {
    if let notice { self.feed.yield(notice) }
  }

  // MARK: Delivery

  private func deliver(_ notice: Notice) async {
    var notice = notice
    notice.reason = notice.reason.cut(toBytes: Self.reasonSizeMax)
    let json = self.json(notice)
    if !self.settings.command.isEmpty { await self.runCommand(notice, json) }
    if let url = self.settings.webhook {
      do {
        try await Webhook(url: url).post(json: json, timeout: Self.timeout)
      } catch {
        self.complain(of: "webhook", "the webhook of `notify`: \(error.reason)")
      }
    }
  }

  private func runCommand(_ notice: Notice, _ json: String) async {
    let argv = self.settings.command
    let environment = [
      "MUSTER_EVENT": notice.event.rawValue, "MUSTER_SERVICE": notice.service,
      "MUSTER_NODE": notice.node, "MUSTER_STATE": notice.event.rawValue,
      "MUSTER_REASON": notice.reason,
    ].mapValues { $0.filter { $0 != "\0" } }
    let fault: String? = await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        let milliseconds = CInt(Self.timeout.components.seconds * 1000)
        do throws(LinkError) {
          let ending = try ChildProgram.run(
            argv, input: Array((json + "\n").utf8), environment: environment,
            timeoutMilliseconds: milliseconds)
          switch ending.status {
          case 0?: continuation.resume(returning: nil)
          case let status?: continuation.resume(returning: "status \(status)")
          case nil: continuation.resume(returning: "ended by a signal, or over 10 s")
          }
        } catch {
          continuation.resume(returning: error.diagnostic.summary)
        }
      }
    }
    if let fault {
      self.complain(of: "command", "the command of `notify`, `\(argv[0])`: \(fault)")
    }
  }

  /// The first fault of a target is said; what is wrong once is wrong each time.
  private func complain(of target: String, _ words: String) {
    guard self.complained.withLock({ $0.insert(target).inserted }) else { return }
    self.report(Diagnostic(.warning, code: "not-notified", words))
  }

  private func json(_ notice: Notice) -> String {
    JSONText.object([
      ("event", .string(notice.event.rawValue)), ("run", .string(self.run)),
      ("service", .string(notice.service)),
      ("index", JSONText(notice.index)), ("node", .string(notice.node)),
      ("state", .string(notice.event.rawValue)), ("reason", .string(notice.reason)),
      ("more", .integer(notice.moreCount)), ("text", .string(notice.text)),
    ]).text
  }
}

/// Decides which changes of state are told, and how often.
///
/// At most one message for a service and an event in `every`; what happens in between is counted,
/// and the next message says how many. Where none follows, what was held back and is still so is told
/// when the time is over: else whoever reads the messages would be left with a state that has passed.
package struct NotifyMachine<Instant: InstantProtocol> where Instant.Duration == Duration {
  private struct Subject: Hashable {
    var service: String
    var event: ManifestNotify.Event
  }

  private struct Window {
    var opened: Instant
    var untoldCount = 0
    /// The last one of each replica or node that was not told.
    var held: [Notice] = []

    mutating func hold(_ notice: Notice) {
      self.untoldCount += 1
      self.held.removeAll { $0.node == notice.node && $0.index == notice.index }
      self.held.append(notice)
    }
  }

  private let events: Set<ManifestNotify.Event>
  private let every: Duration
  /// The last state of each replica that was told of.
  private var states: [ReplicaKey: ReplicaPhase] = [:]
  private var unreachable: Set<String> = []
  private var windows: [Subject: Window] = [:]

  package init(_ settings: ManifestNotify) {
    self.events = Set(settings.events)
    self.every = .seconds(settings.everySeconds)
  }

  /// An agent told the state of a replica; its node is reachable.
  ///
  /// A replica that is `ready` when it is first heard of has not changed, so that whoever attaches to
  /// a healthy run causes no message.
  package mutating func reported(_ report: ReplicaReport, at now: Instant) -> Notice? {
    self.unreachable.remove(report.node)
    let former = self.states.updateValue(report.state, forKey: report.key)
    guard former != report.state, let event = ManifestNotify.Event(rawValue: report.state.rawValue),
      !(former == nil && event == .ready)
    else { return nil }
    return self.notice(
      Notice(
        event: event, service: report.key.service, index: report.key.index, node: report.node,
        reason: report.reason, moreCount: 0),
      at: now)
  }

  /// A link opened.
  package mutating func reached(_ node: String) {
    self.unreachable.remove(node)
  }

  /// A link did not open, or broke: told once until the node is reached again.
  package mutating func lost(_ node: String, reason: String, at now: Instant) -> Notice? {
    guard self.unreachable.insert(node).inserted else { return nil }
    return self.notice(
      Notice(
        event: .unreachable, service: "", index: nil, node: node, reason: reason, moreCount: 0),
      at: now)
  }

  /// What was held back for as long as it had to be; call about once a second.
  package mutating func due(at now: Instant) -> [Notice] {
    let every = self.every
    return self.release { $0.opened.duration(to: now) >= every }
  }

  /// What is held back still: nobody watches any more.
  package mutating func ended() -> [Notice] {
    self.release { _ in true }
  }

  /// Of each window the newest notice that is still true, which stands for the others.
  private mutating func release(_ isOver: (Window) -> Bool) -> [Notice] {
    var notices: [Notice] = []
    for (subject, window) in self.windows where window.untoldCount > 0 && isOver(window) {
      guard var notice = window.held.last(where: self.isTrue) else { continue }
      notice.moreCount = window.untoldCount - 1
      notices.append(notice)
      self.windows[subject] = Window(opened: window.opened.advanced(by: self.every))
    }
    return notices.sorted { ($0.service, $0.event.rawValue) < ($1.service, $1.event.rawValue) }
  }

  private func isTrue(_ notice: Notice) -> Bool {
    guard let index = notice.index else { return self.unreachable.contains(notice.node) }
    let key = ReplicaKey(service: notice.service, index: index)
    return self.states[key]?.rawValue == notice.event.rawValue
  }

  private mutating func notice(_ notice: Notice, at now: Instant) -> Notice? {
    guard self.events.contains(notice.event) else { return nil }
    let subject = Subject(service: notice.service, event: notice.event)
    if var window = self.windows[subject], window.opened.duration(to: now) < self.every {
      window.hold(notice)
      self.windows[subject] = window
      return nil
    }
    var notice = notice
    notice.moreCount = self.windows[subject]?.untoldCount ?? 0
    self.windows[subject] = Window(opened: now)
    return notice
  }
}

/// One message about a change of state.
package struct Notice: Equatable, Sendable {
  package var event: ManifestNotify.Event
  /// Empty where it is about a node.
  package var service: String
  /// `nil` where it is about a node.
  package var index: Int?
  package var node: String
  package var reason: String
  /// Of the same service and event since the last message, which were not told.
  package var moreCount: Int

  /// One sentence: `policy/0` failed on gpu01: the engine died (and 12 more).
  package var text: String {
    let verb =
      switch self.event {
      case .failed: "failed"
      case .backoff: "failed and is tried again"
      case .stalled, .unreachable, .ready: "is \(self.event.rawValue)"
      }
    let subject =
      self.index.map { "`\(self.service)/\($0)` \(verb) on \(self.node)" }
      ?? "\(self.node) \(verb)"
    let reason = self.reason.isEmpty ? "" : ": \(self.reason)"
    return subject + reason + (self.moreCount > 0 ? " (and \(self.moreCount) more)" : "")
  }
}
