import Glibc
import Rollouts
import Synchronization
import Terminal

/// Shows progress on standard error: one line that is drawn anew on a terminal, else a line at most
/// every two seconds.
final class ProgressPrinter: Sendable {
  private struct State {
    /// When the first progress came, and what was done before.
    var start: (time: ContinuousClock.Instant, count: UInt64)?
    var last: ContinuousClock.Instant?
    var lastCount: UInt64?
    var isOpen = false
    var faults: [String: String] = [:]
  }

  private let width: Int?
  private let clock: ContinuousClock
  private let state = Mutex(State())

  /// Columns of the terminal that standard error is; `nil` where it is none.
  static var terminalWidth: Int? {
    guard isatty(STDERR_FILENO) == 1 else { return nil }
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// - Parameter width: Columns of the terminal; `nil` where there is none.
  init(width: Int?, clock: ContinuousClock) {
    self.width = width
    self.clock = clock
  }

  func print(_ progress: DispatchProgress) {
    let now = self.clock.now
    let bar = ProgressBar(label: "eval", total: Int(clamping: progress.itemCount))
    let text = self.state.withLock { state in
      // At the end nodes hang up: that is no news.
      let doneCount = progress.recordedCount + progress.abandonedCount
      let isLast = doneCount == progress.itemCount
      var text = isLast ? "" : self.news(progress, &state)
      let start = state.start ?? (now, doneCount)
      state.start = start
      let moment = ProgressBar.Moment(
        done: Int(clamping: doneCount), elapsed: now - start.time,
        doneBefore: Int(clamping: start.count),
        rates: progress.nodes.filter { $0.state == .connected }.map { ($0.name, $0.rate) })
      let isDue = state.last.map { now - $0 >= .seconds(self.width == nil ? 2 : 0) } ?? true
      guard isDue || isLast,
        isLast || state.lastCount != doneCount || self.width != nil
      else { return text }
      state.last = now
      state.lastCount = doneCount
      state.isOpen = self.width != nil
      text +=
        self.width.map { "\r\u{1B}[K" + bar.line(moment, width: $0) } ?? bar.event(moment) + "\n"
      return text
    }
    if !text.isEmpty { StandardStreams.talk(text) }
  }

  /// Leaves the line that was drawn.
  func end() {
    let isOpen = self.state.withLock { $0.isOpen }
    if isOpen { StandardStreams.talk("\n") }
  }

  /// A line for each node whose link was lost or came back.
  private func news(_ progress: DispatchProgress, _ state: inout State) -> String {
    var text = ""
    for node in progress.nodes {
      let words =
        switch node.state {
        case .connected: ""
        case .unreachable(let reason): reason
        case .cutOff(let reason): "cut off: \(reason)"
        }
      let known = state.faults[node.name] ?? ""
      guard words != known else { continue }
      state.faults[node.name] = words
      let clear = state.isOpen ? "\r\u{1B}[K" : ""
      text += clear + "\(node.name): \(words.isEmpty ? "is back" : words)\n"
    }
    return text
  }
}
