package import Coordinator
import Dispatch
package import Fleet
import Health
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
  /// Of a reason, so that a message fits into a pipe at once.
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
    notice.reason = String(notice.reason.prefix(Self.reasonSizeMax))
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
