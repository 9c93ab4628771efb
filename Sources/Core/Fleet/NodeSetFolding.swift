/// Writes sorted names as one short text.
enum NodeSetFolding {
  /// - Parameter names: In the order of ``NodeName``, without duplicates.
  static func text(of names: [NodeName]) -> String {
    var parts: [String] = []
    var shape: [Substring] = []
    var numbers: [[Substring]] = []
    for name in names {
      let parsed = NumberedName(name)
      if !numbers.isEmpty, parsed.literals != shape {
        Self.fold(shape, numbers, into: &parts)
        numbers = []
      }
      shape = parsed.literals
      numbers.append(parsed.numbers)
    }
    if !numbers.isEmpty { Self.fold(shape, numbers, into: &parts) }
    return parts.joined(separator: ",")
  }

  /// Appends the texts of all names of one shape.
  private static func fold(
    _ shape: [Substring], _ numbers: [[Substring]], into parts: inout [String]
  ) {
    for box in Self.boxes(numbers) {
      var text = String(shape[0])
      for (axis, literal) in zip(box, shape.dropFirst()) {
        let folded = NumberRuns.text(of: axis)
        text += axis.count > 1 ? "[\(folded)]" : folded
        text += literal
      }
      parts.append(text)
    }
  }

  /// Joins rows of numbers to boxes: each box has a list of numbers for every axis and stands for
  /// all their combinations; together exactly the rows.
  ///
  /// One pass for every axis, the last first, joins what differs in that axis alone. That is the
  /// shortest text for one axis; with more axes ClusterShell sometimes finds a shorter one.
  private static func boxes(_ rows: [[Substring]]) -> [[[Substring]]] {
    guard let axes = rows.first?.indices, !axes.isEmpty else { return rows.map { _ in [] } }
    if axes.count == 1 { return [[rows.map { $0[0] }]] }
    var boxes = rows.map { row in row.map { [$0] } }
    for axis in axes.reversed() {
      var joined: [[[Substring]]] = []
      var places: [[[Substring]]: Int] = [:]
      for box in boxes {
        var key = box
        key[axis] = []
        if let place = places[key] {
          joined[place][axis] += box[axis]
        } else {
          places[key] = joined.count
          joined.append(box)
        }
      }
      boxes = joined
    }
    return boxes
  }
}

/// A name cut at its numbers.
struct NumberedName {
  /// What stands before, between and after the numbers: one more than ``numbers``.
  private(set) var literals: [Substring] = []
  private(set) var numbers: [Substring] = []

  init(_ name: NodeName) {
    let bytes = name.rawValue.utf8
    var start = bytes.startIndex
    while let digit = bytes[start...].firstIndex(where: Self.isDigit) {
      let end = bytes[digit...].firstIndex { !Self.isDigit($0) } ?? bytes.endIndex
      self.literals.append(name.rawValue[start..<digit])
      self.numbers.append(name.rawValue[digit..<end])
      start = end
    }
    self.literals.append(name.rawValue[start...])
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }
}
