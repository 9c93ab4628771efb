/// Rows of text in aligned columns, for people.
package struct Table: Sendable {
  private let header: [String]
  private var rows: [[String]] = []

  /// - Parameter columns: Their titles, at least one.
  package init(columns: [String]) {
    self.header = columns
  }

  /// - Parameter row: One cell a column.
  package mutating func append(_ row: [String]) {
    precondition(row.count == self.header.count, "a row of \(row.count) cells")
    self.rows.append(row)
  }

  /// All lines, each ended by a line feed; without blanks at their ends.
  package func rendered() -> String {
    let lines = [self.header] + self.rows
    let widths = self.header.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      var text = ""
      for (cell, width) in zip(line, widths) {
        text += cell + String(repeating: " ", count: width - cell.count + 2)
      }
      while text.last == " " { text.removeLast() }
      return text + "\n"
    }.joined()
  }
}
