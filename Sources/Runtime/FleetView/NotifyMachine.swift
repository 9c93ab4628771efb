package import Coordinator
import Health
import Launch
package import Manifest

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
