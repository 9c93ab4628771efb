/// Rows in columns that leave the least important columns out where a terminal is narrow.
package struct FittedTable: Sendable {
  package struct Column: Sendable {
    package var title: String
    package var alignment: Table.Alignment
    /// The highest goes first; 0 stays.
    package var rank: Int

    package init(_ title: String, _ alignment: Table.Alignment = .left, rank: Int = 0) {
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

  /// - Parameter cells: As many as there are columns.
  package mutating func append(_ cells: [StyledLine]) {
    precondition(
      cells.count == self.columns.count,
      "\(cells.count) cells in a table of \(self.columns.count) columns")
    self.rows.append(cells)
  }

  /// The titles and the rows, a line each, none wider than `width` columns.
  package func lines(width: Int) -> [StyledLine] {
    let titles = self.columns.map { StyledLine($0.title, .strong) }
    let lines = [titles] + self.rows
    let widths = self.columns.indices.map { column in lines.map { $0[column].width }.max() ?? 0 }
    let kept = self.kept(widths, width)
    return lines.map { cells in
      var line = StyledLine()
      for column in kept {
        if column != kept.first { line.append("  ") }
        let isLast = column == kept.last && self.columns[column].alignment == .left
        line.append(
          isLast
            ? cells[column]
            : cells[column].padded(to: widths[column], self.columns[column].alignment)
        )
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
    while needed() > width {
      let candidates = kept.filter { self.columns[$0].rank > 0 }
      // Of equal ranks the one that is further to the right.
      guard
        let least = candidates.max(by: {
          (self.columns[$0].rank, $0) < (self.columns[$1].rank, $1)
        })
      else { break }
      kept.removeAll { $0 == least }
    }
    return kept
  }
}
