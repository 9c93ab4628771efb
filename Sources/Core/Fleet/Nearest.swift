/// The known name that a mistyped one was meant to be.
package enum Nearest {
  /// Names longer than this are compared by their beginning: what is longer is no typing error.
  private static let lengthMax = 64

  /// The name in `candidates` with the fewest edits from `name`, at most a third of its length and
  /// at least one; the first of several. `nil` where none is near.
  ///
  /// An edit is a character more, less or other, or two neighbours exchanged. Upper and lower case
  /// are the same.
  package static func name(to name: String, in candidates: [String]) -> String? {
    let wanted = Self.letters(of: name)
    var best: (name: String, distance: Int)?
    for candidate in candidates {
      let distance = Self.distance(wanted, Self.letters(of: candidate))
      if distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    guard let best, best.distance <= max(1, wanted.count / 3), !wanted.isEmpty else { return nil }
    return best.name
  }

  /// What to write instead of an unknown name: the nearest one, else any of them.
  ///
  /// - Parameters:
  ///   - title: What they are, before all of them: "services".
  ///   - listed: All in the order in which they are told; `nil`: as they are.
  package static func hint(
    for name: String, in candidates: [String], as title: String, listed: [String]? = nil
  ) -> String {
    Self.name(to: name, in: candidates).map { "write `\($0)`" }
      ?? "\(title): \((listed ?? candidates).map { "`\($0)`" }.joined(separator: ", "))"
  }

  private static func letters(of name: String) -> [Character] {
    Array(name.lowercased().prefix(Self.lengthMax))
  }

  /// Source: Damerau, "A technique for computer detection and correction of spelling errors", CACM
  /// 1964, in the form where no part is edited twice.
  private static func distance(_ left: [Character], _ right: [Character]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for (i, a) in left.enumerated() {
      var row = [i + 1]
      for (j, b) in right.enumerated() {
        var edits = min(last[j + 1] + 1, row[j] + 1, last[j] + (a == b ? 0 : 1))
        if i > 0, j > 0, a == right[j - 1], left[i - 1] == b {
          edits = min(edits, beforeLast[j - 1] + 1)
        }
        row.append(edits)
      }
      (beforeLast, last) = (last, row)
    }
    return last[right.count]
  }
}
