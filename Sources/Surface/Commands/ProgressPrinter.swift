import Coordinator
import Synchronization
import Terminal

/// Shows the progress of an eval on standard error: on a terminal one line that is drawn anew, else
/// a line at most every two seconds.
final class ProgressPrinter: Sendable {
  private struct State {
    var report: ProgressReport
    /// When the first progress came, and what was done before.
    var start: (time: ContinuousClock.Instant, count: UInt64)?
    var last: (time: ContinuousClock.Instant, count: UInt64)?
    var faults: [String: String] = [:]
  }

  /// Between two lines where there is no terminal.
  private static let pause = Duration.seconds(2)

  private let isTerminal: Bool
  private let clock: ContinuousClock
  private let state: Mutex<State>

  /// - Parameter width: Columns of the terminal; `nil` where there is none.
  init(width: Int?, clock: ContinuousClock) {
    self.isTerminal = width != nil
    self.clock = clock
    self.state = Mutex(State(report: ProgressReport(width: width, write: StandardStreams.drawTalk)))
  }

  func print(_ progress: DispatchProgress) {
    let now = self.clock.now
    self.state.withLock { state in
      // At the end nodes hang up: that is no news.
      let doneCount = progress.recordedCount + progress.abandonedCount
      let isLast = doneCount == progress.itemCount
      if !isLast { Self.news(progress, &state) }
      let start = state.start ?? (now, doneCount)
      state.start = start
      let isDue = state.last.map {
        self.isTerminal || now - $0.time >= Self.pause && $0.count != doneCount
      }
      guard isLast || isDue ?? true else { return }
      state.last = (now, doneCount)
      state.report.show(
        ProgressBar(
          label: "eval", total: Int(clamping: progress.itemCount), done: Int(clamping: doneCount),
          elapsed: now - start.time, doneBefore: Int(clamping: start.count),
          rates: progress.nodes.filter { $0.state == .connected }.map { ($0.name, $0.rate) }))
    }
  }

  /// Leaves the line that was drawn.
  func end() {
    self.state.withLock { $0.report.finish() }
  }

  /// A line for each node whose link was lost or came back.
  private static func news(_ progress: DispatchProgress, _ state: inout State) {
    for node in progress.nodes {
      let words =
        switch node.state {
        case .connected: ""
        case .unreachable(let reason): reason
        case .cutOff(let reason): "cut off: \(reason)"
        }
      guard words != state.faults[node.name] ?? "" else { continue }
      state.faults[node.name] = words
      state.report.say("\(node.name): \(words.isEmpty ? "is back" : words)")
    }
  }
}
