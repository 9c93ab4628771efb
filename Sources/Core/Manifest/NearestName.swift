/// The name a person probably meant.
package enum NearestName {
  /// The candidate with the fewest edits from `name`, if at most a third of its letters differ (at
  /// least 2); the first of several. Source of the distance: Levenshtein, 1966.
  ///
  /// - Complexity: O(`candidates.count` × length²); names over 64 characters are not compared.
  package static func of(_ name: String, among candidates: [String]) -> String? {
    guard name.utf8.count <= 64 else { return nil }
    var best: (name: String, distance: Int)?
    for candidate in candidates where candidate.utf8.count <= 64 {
      let distance = Self.distance(Array(name.utf8), Array(candidate.utf8))
      guard distance <= max(2, candidate.utf8.count / 3) else { continue }
      if best == nil || distance < best?.distance ?? 0 { best = (candidate, distance) }
    }
    return best?.name
  }

  private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var row = Array(0...right.count)
    for (i, a) in left.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, b) in right.enumerated() {
        let next = min(row[j] + 1, row[j + 1] + 1, diagonal + (a == b ? 0 : 1))
        diagonal = row[j + 1]
        row[j + 1] = next
      }
    }
    return row[right.count]
  }
}
