/// Writes sorted names as one short text.
enum NodeSetFolding {
  /// - Parameter names: In the order of ``NodeName``, without duplicates.
  static func text(of names: [NodeName]) -> String {
    // Names of one shape stand together.
    names.map(NumberedName.init).grouped(by: \.literals).flatMap { shape, names in
      Self.boxes(names.map(\.numbers)).map { box in
        zip(box, shape.dropFirst()).reduce(into: String(shape[0])) { text, place in
          let folded = NumberRuns.text(of: place.0)
          text += place.0.count > 1 ? "[\(folded)]" : folded
          text += place.1
        }
      }
    }.joined(separator: ",")
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
      boxes = boxes.grouped { box in
        var others = box
        others[axis] = []
        return others
      }.map { others, alike in
        var box = others
        box[axis] = alike.flatMap { $0[axis] }
        return box
      }
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
    while let digit = bytes[start...].firstIndex(where: \.isDigit) {
      let end = bytes[digit...].firstIndex { !$0.isDigit } ?? bytes.endIndex
      self.literals.append(name.rawValue[start..<digit])
      self.numbers.append(name.rawValue[digit..<end])
      start = end
    }
    self.literals.append(name.rawValue[start...])
  }
}
