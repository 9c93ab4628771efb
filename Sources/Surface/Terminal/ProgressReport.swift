/// Writes progress to a sink: one line that is drawn anew on a terminal, a line each time elsewhere.
package struct ProgressReport: Sendable {
  /// Columns of the terminal; `nil` where there is none.
  private let width: Int?
  private let write: @Sendable (String) -> Void
  private var isLineOpen = false

  /// - Parameters:
  ///   - width: Columns of the terminal; `nil` where there is none.
  ///   - write: Takes text for standard error.
  package init(width: Int?, write: @escaping @Sendable (String) -> Void) {
    self.width = width
    self.write = write
  }

  /// Shows where the work is. The caller decides how often; on a terminal a few times a second.
  package mutating func show(_ moment: ProgressBar.Moment, of bar: ProgressBar) {
    guard let width = self.width else { return self.write("\(bar.event(moment))\n") }
    self.write("\r\u{1B}[K\(bar.line(moment, width: width))")
    self.isLineOpen = true
  }

  /// Writes a line of talk above the bar.
  ///
  /// - Parameter text: Without its line feed.
  package mutating func say(_ text: String) {
    self.write(self.isLineOpen ? "\r\u{1B}[K\(text)\n" : "\(text)\n")
    self.isLineOpen = false
  }

  /// Ends the bar's line, so that what follows begins a new one.
  package mutating func finish() {
    if self.isLineOpen { self.write("\n") }
    self.isLineOpen = false
  }
}
