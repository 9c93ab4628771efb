/// Rows of text in columns as wide as their widest cell.
package struct Table: Equatable, Sendable {
  package enum Alignment: Equatable, Sendable {
    case left
    /// For numbers.
    case right
  }

  package struct Column: Equatable, Sendable {
    package var title: String
    package var alignment: Alignment

    package init(_ title: String, _ alignment: Alignment = .left) {
      self.title = title
      self.alignment = alignment
    }
  }

  private let columns: [Column]
  private var rows: [[String]] = []

  package init(_ columns: [Column]) {
    self.columns = columns
  }

  /// A table whose columns are all aligned to the left.
  package init(columns titles: [String]) {
    self.init(titles.map { Column($0) })
  }

  /// - Parameter cells: As many as there are columns. Control characters are made visible.
  package mutating func append(_ cells: [String]) {
    precondition(
      cells.count == self.columns.count,
      "\(cells.count) cells in a table of \(self.columns.count) columns")
    self.rows.append(cells.map(TerminalText.visible))
  }

  package var isEmpty: Bool { self.rows.isEmpty }

  /// The titles and the rows, a line each, two blanks between columns and none at the end of a line.
  /// Without titles where all are empty.
  package func rendered() -> String {
    let titles = self.columns.map(\.title)
    let lines = (titles.allSatisfy(\.isEmpty) ? [] : [titles]) + self.rows
    let widths = self.columns.indices.map { column in
      lines.map { TerminalText.width(of: $0[column]) }.max() ?? 0
    }
    return lines.map { self.line($0, widths) + "\n" }.joined()
  }

  private func line(_ cells: [String], _ widths: [Int]) -> String {
    var text = ""
    for (index, cell) in cells.enumerated() {
      let blanks = String(repeating: " ", count: widths[index] - TerminalText.width(of: cell))
      if index > 0 { text += "  " }
      switch self.columns[index].alignment {
      case .left: text += cell + blanks
      case .right: text += blanks + cell
      }
    }
    while text.last == " " { text.removeLast() }
    return text
  }
}
