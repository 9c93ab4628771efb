/// Rows in columns as wide as their widest cell; a narrow terminal leaves the least important out.
package struct Table: Sendable {
  package enum Alignment: Equatable, Sendable {
    case left
    case right
  }

  package struct Column: Sendable {
    package var title: String
    package var alignment: Alignment
    /// The highest is left out first; 0 stays.
    package var rank: Int

    package init(_ title: String, _ alignment: Alignment = .left, rank: Int = 0) {
      self.title = title
      self.alignment = alignment
      self.rank = rank
    }
  }

  /// Columns that the last one, which is cut, keeps while others are left out for it.
  private static let lastWidthMin = 20

  private let columns: [Column]
  private var rows: [[StyledLine]] = []

  package init(_ columns: [Column]) {
    self.columns = columns
  }

  /// A table whose columns are all aligned to the left.
  package init(columns titles: [String]) {
    self.init(titles.map { Column($0) })
  }

  /// - Parameter cells: As many as there are columns.
  package mutating func append(_ cells: [StyledLine]) {
    precondition(
      cells.count == self.columns.count,
      "\(cells.count) cells in a table of \(self.columns.count) columns")
    self.rows.append(cells)
  }

  /// - Parameter cells: As many as there are columns. Control characters are made visible.
  package mutating func append(_ cells: [String]) {
    self.append(cells.map { StyledLine($0) })
  }

  /// The titles and the rows, a line each, two blanks between columns and none at the end of a line.
  /// Without titles where all are empty.
  package func rendered() -> String {
    let hasTitles = self.columns.contains { !$0.title.isEmpty }
    return self.lines(width: .max).dropFirst(hasTitles ? 0 : 1).map { line in
      var text = line.text
      while text.last == " " { text.removeLast() }
      return text + "\n"
    }.joined()
  }

  /// The titles and the rows, a line each, none wider than `width` columns.
  package func lines(width: Int) -> [StyledLine] {
    let lines = [self.columns.map { StyledLine($0.title, .strong) }] + self.rows
    let widths = self.columns.indices.map { column in lines.map { $0[column].width }.max() ?? 0 }
    let kept = self.kept(widths, width)
    return lines.map { cells in
      var line = StyledLine()
      for column in kept {
        if column != kept.first { line.append("  ") }
        let alignment = self.columns[column].alignment
        let isLast = column == kept.last && alignment == .left
        line.append(isLast ? cells[column] : cells[column].padded(to: widths[column], alignment))
      }
      return line.cut(to: width)
    }
  }

  private func kept(_ widths: [Int], _ width: Int) -> [Int] {
    var kept = Array(self.columns.indices)
    func needed() -> Int {
      kept.reduce(2 * (kept.count - 1)) { sum, column in
        let isLast = column == self.columns.count - 1
        return sum + (isLast ? min(widths[column], Self.lastWidthMin) : widths[column])
      }
    }
    // Of equal ranks the one that is further to the right.
    while needed() > width,
      let least = kept.filter({ self.columns[$0].rank > 0 })
        .max(by: { (self.columns[$0].rank, $0) < (self.columns[$1].rank, $1) })
    {
      kept.removeAll { $0 == least }
    }
    return kept
  }
}
