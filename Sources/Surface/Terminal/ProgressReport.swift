/// Writes progress to a sink: one line that is rewritten on a terminal, a line every tenth elsewhere.
package struct ProgressReport {
  package enum Stream: Equatable, Sendable {
    /// - Parameter width: In columns.
    case terminal(width: Int)
    case other
  }

  private let bar: ProgressBar
  private let stream: Stream
  private let write: (String) -> Void
  private var lastTenth: Int?
  private var isLineOpen = false

  /// - Parameter write: Takes text for standard error.
  package init(_ bar: ProgressBar, to stream: Stream, write: @escaping (String) -> Void) {
    self.bar = bar
    self.stream = stream
    self.write = write
  }

  /// Shows where the work is. The caller decides how often; on a terminal a few times a second.
  package mutating func show(_ moment: ProgressBar.Moment) {
    switch self.stream {
    case .terminal(let width):
      self.write("\r\(self.bar.line(moment, width: width))\u{1B}[K")
      self.isLineOpen = true
    case .other:
      let tenth = self.bar.percent(moment) / 10
      guard tenth != self.lastTenth else { return }
      self.lastTenth = tenth
      self.write("\(self.bar.event(moment))\n")
    }
  }

  /// Writes a line of talk above the bar.
  ///
  /// - Parameter text: Without its line feed.
  package mutating func say(_ text: String) {
    if self.isLineOpen { self.write("\r\u{1B}[K") }
    self.isLineOpen = false
    self.write("\(text)\n")
  }

  /// Ends the bar's line, so that what follows begins a new one.
  package mutating func finish() {
    if self.isLineOpen { self.write("\n") }
    self.isLineOpen = false
  }
}
