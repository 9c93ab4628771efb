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

  /// - Parameter width: Columns of the terminal; `nil` where there is none.
  init(width: Int?, clock: ContinuousClock) {
    self.width = width
    self.clock = clock
  }

  func print(_ progress: DispatchProgress) {
    let strokes = self.state.withLock { self.strokes(for: progress, at: self.clock.now, &$0) }
    if !strokes.isEmpty { StandardStreams.drawTalk(strokes) }
  }

  private func strokes(
    for progress: DispatchProgress, at now: ContinuousClock.Instant, _ state: inout State
  ) -> [OutputStream.Stroke] {
    // At the end nodes hang up: that is no news.
    let isLast = progress.recordedCount == progress.itemCount
    var strokes = isLast ? [] : Self.news(progress, &state)
    let start = state.start ?? (now, progress.recordedCount)
    state.start = start
    let isDue = state.last.map { now - $0 >= .seconds(self.width == nil ? 2 : 0) } ?? true
    guard isDue || isLast,
      isLast || state.lastCount != progress.recordedCount || self.width != nil
    else { return strokes }
    state.last = now
    state.lastCount = progress.recordedCount
    state.isOpen = self.width != nil
    let bar = ProgressBar(label: "eval", total: Int(clamping: progress.itemCount))
    let moment = ProgressBar.Moment(
      done: Int(clamping: progress.recordedCount), elapsed: now - start.time,
      doneBefore: Int(clamping: start.count),
      rates: progress.nodes.filter { $0.state == .connected }.map { ($0.name, $0.rate) })
    if let width = self.width {
      strokes += [.control(.restartLine), .line(StyledLine(bar.line(moment, width: width)))]
    } else {
      strokes += [.line(StyledLine(bar.event(moment))), .control(.lineFeed)]
    }
    return strokes
  }

  /// Leaves the line that was drawn.
  func end() {
    let isOpen = self.state.withLock { $0.isOpen }
    if isOpen { StandardStreams.drawTalk([.control(.lineFeed)]) }
  }

  /// A line for each node whose link was lost or came back.
  private static func news(
    _ progress: DispatchProgress, _ state: inout State
  ) -> [OutputStream.Stroke] {
    var strokes: [OutputStream.Stroke] = []
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
      if state.isOpen { strokes.append(.control(.restartLine)) }
      let line = StyledLine("\(node.name): \(words.isEmpty ? "is back" : words)")
      strokes += [.line(line), .control(.lineFeed)]
    }
    return strokes
  }
}
