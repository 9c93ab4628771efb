/// One operand of a node set expression: a name with lists of numbers in some places.
struct NodePattern {
  private enum Piece {
    case literal(String)
    case numbers(NumberList)
  }

  private var pieces: [Piece] = []

  var isEmpty: Bool { self.pieces.isEmpty }

  mutating func append(_ literal: String) {
    self.pieces.append(.literal(literal))
  }

  /// - Returns: Whether the list may stand here: there is something else than digits since the one
  ///   before it.
  mutating func append(_ numbers: NumberList) -> Bool {
    switch self.pieces.last {
    case .numbers:
      return false
    case .literal(let text) where self.pieces.count > 1 && text.allSatisfy(\.isNumber):
      return false
    case .literal, nil:
      self.pieces.append(.numbers(numbers))
      return true
    }
  }

  /// All names, the last list running fastest.
  ///
  /// - Throws: Before it makes any name, where there would be too many or too long ones.
  func names() throws(NodeSetProblem) -> [String] {
    try self.check()
    var names = [""]
    for piece in self.pieces {
      switch piece {
      case .literal(let text):
        names = names.map { $0 + text }
      case .numbers(let numbers):
        let texts = numbers.texts
        names = names.flatMap { name in texts.map { name + $0 } }
      }
    }
    return names
  }

  private func check() throws(NodeSetProblem) {
    var (count, size, run) = (1, 0, 0)
    for (index, piece) in self.pieces.enumerated() {
      switch piece {
      case .literal(let text):
        size += text.utf8.count
        let parts = text.split(omittingEmptySubsequences: false) { !$0.isNumber }
        for (index, part) in parts.enumerated() {
          run = index == 0 ? run + part.count : part.count
          if run > NodeSetLimits.digitCountMax { throw .numberTooLong }
        }
      case .numbers(let numbers):
        try self.checkDigits(around: index, numbers)
        size += numbers.widthMax
        run += numbers.widthMax
        // Each is at most 65,536: no overflow as long as it is checked after every product.
        count *= numbers.count
        if run > NodeSetLimits.digitCountMax { throw .numberTooLong }
        if count > NodeSetLimits.countMax { throw .tooManyNodes }
      }
    }
    if size > NodeSetLimits.nameSizeMax { throw .nameTooLong }
    if case .literal(let text) = self.pieces.first, text.hasPrefix("-") || text.hasPrefix(".") {
      throw .nameStart
    }
  }

  /// Digits beside a bracket belong to its numbers: `n[1-3]0` is `n[10,20,30]`. What ClusterShell
  /// refuses there, or reads in another way than people do, is refused.
  private func checkDigits(
    around index: Int, _ numbers: NumberList
  ) throws(NodeSetProblem) {
    if index > 0, case .literal(let text) = self.pieces[index - 1], text.last?.isNumber == true,
      numbers.ranges.contains(where: \.isUneven)
    {
      throw .digitsBeforeUnevenRange
    }
    if index + 1 < self.pieces.count, case .literal(let text) = self.pieces[index + 1],
      text.first?.isNumber == true
    {
      if numbers.ranges.contains(where: \.hasStep) { throw .stepBeforeDigits }
      // The zero of `[0-10]5` becomes a leading one.
      if numbers.ranges.contains(where: { $0.isUneven && $0.first == 0 }) { throw .paddingMismatch }
    }
  }
}
