/// Writes progress to a sink: one line that is drawn anew on a terminal, a line each time elsewhere.
package struct ProgressReport: Sendable {
  private let width: Int?
  private let write: @Sendable ([OutputStream.Stroke]) -> Void
  private var isLineOpen = false

  /// - Parameters:
  ///   - width: Columns of the terminal; `nil` where there is none.
  ///   - write: Draws on standard error.
  package init(width: Int?, write: @escaping @Sendable ([OutputStream.Stroke]) -> Void) {
    self.width = width
    self.write = write
  }

  /// Shows where the work is. The caller decides how often; on a terminal a few times a second.
  package mutating func show(_ bar: ProgressBar) {
    if let width = self.width {
      self.write([.control(.restartLine), .line(StyledLine(bar.line(width: width)))])
      self.isLineOpen = true
    } else {
      self.write([.line(StyledLine(bar.event)), .control(.lineFeed)])
    }
  }

  /// Writes a line of talk above the bar.
  ///
  /// - Parameter text: Without its line feed.
  package mutating func say(_ text: String) {
    let line: [OutputStream.Stroke] = [.line(StyledLine(text)), .control(.lineFeed)]
    self.write(self.isLineOpen ? [.control(.restartLine)] + line : line)
    self.isLineOpen = false
  }

  /// Ends the bar's line, so that what follows begins a new one.
  package mutating func finish() {
    if self.isLineOpen { self.write([.control(.lineFeed)]) }
    self.isLineOpen = false
  }
}
