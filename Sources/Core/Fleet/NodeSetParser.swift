/// Reads a node set expression from left to right, carrying its set along.
struct NodeSetParser {
  private enum Operator: Character {
    case union = ","
    case subtraction = "!"
    case intersection = "&"
    case symmetricDifference = "^"
  }

  private let characters: [Character]
  private var index = 0
  private var result: Set<NodeName> = []
  /// Over all operands so far.
  private var operandCount = 0

  init(_ expression: String) throws(NodeSetError) {
    guard expression.utf8.count <= NodeSetLimits.expressionSizeMax else {
      throw NodeSetError(.expressionTooLong)
    }
    self.characters = Array(expression)
  }

  /// The nodes, in no order; to be called once.
  mutating func parse(
    groups: (String) -> NodeSet?
  ) throws(NodeSetError) -> Set<NodeName> {
    self.skipWhiteSpace()
    var next: Operator? = self.index < self.characters.count ? .union : nil
    while let operation = next {
      let column = self.index + 1
      let names = try self.operand(groups: groups)
      self.operandCount += names.count
      self.apply(operation, names)
      guard self.operandCount <= NodeSetLimits.operandCountMax,
        self.result.count <= NodeSetLimits.countMax
      else { throw self.error(.tooManyNodes, from: column - 1) }
      next = try self.nextOperator()
    }
    return self.result
  }

  private mutating func apply(_ operation: Operator, _ names: [NodeName]) {
    switch operation {
    case .union: self.result.formUnion(names)
    case .subtraction: self.result.subtract(names)
    case .intersection: self.result = Set(names.filter { self.result.contains($0) })
    case .symmetricDifference: self.result.formSymmetricDifference(Set(names))
    }
  }

  /// The operator before the next operand; `nil` at the end of the expression.
  private mutating func nextOperator() throws(NodeSetError) -> Operator? {
    self.skipWhiteSpace()
    guard let character = self.character else { return nil }
    guard let operation = Operator(rawValue: character) else { return .union }
    let start = self.index
    self.index += 1
    self.skipWhiteSpace()
    guard let following = self.character, Operator(rawValue: following) == nil else {
      throw NodeSetError(.missingOperand, column: start + 1, text: String(character))
    }
    return operation
  }

  private mutating func operand(
    groups: (String) -> NodeSet?
  ) throws(NodeSetError) -> [NodeName] {
    let start = self.index
    let isGroup = self.character == "@"
    if isGroup { self.index += 1 }
    var pattern = NodePattern()
    while let character = self.character, !Self.endsOperand(character) {
      if character == "[" {
        let numbers = try self.bracket()
        guard pattern.append(numbers) else { throw self.error(.adjacentBrackets, from: start) }
      } else {
        pattern.append(try self.literal())
      }
    }
    if self.index == start {
      let text = self.character.map(String.init) ?? ""
      throw NodeSetError(.missingOperand, column: start + 1, text: text)
    }
    if isGroup, pattern.isEmpty {
      throw NodeSetError(.missingGroupName, column: start + 1, text: "@")
    }
    let names: [String]
    do {
      names = try pattern.names()
    } catch {
      throw self.error(error, from: start)
    }
    return isGroup
      ? try self.members(of: names, at: start, groups: groups) : names.map { NodeName($0) }
  }

  private mutating func members(
    of names: [String], at start: Int, groups: (String) -> NodeSet?
  ) throws(NodeSetError) -> [NodeName] {
    var members: [NodeName] = []
    for name in names {
      guard let found = groups(name) else {
        throw NodeSetError(.unknownGroup, column: start + 1, text: "@\(name)")
      }
      members += found.names
      guard members.count <= NodeSetLimits.operandCountMax else {
        throw self.error(.tooManyNodes, from: start)
      }
    }
    return members
  }

  /// The characters of a name from here to a bracket, an operator or white space.
  private mutating func literal() throws(NodeSetError) -> String {
    let start = self.index
    while let character = self.character, character != "[", !Self.endsOperand(character) {
      if let problem = Self.problem(with: character) {
        throw NodeSetError(problem, column: self.index + 1, text: String(character))
      }
      self.index += 1
    }
    return String(self.characters[start..<self.index])
  }

  /// The list in the bracket that opens here.
  private mutating func bracket() throws(NodeSetError) -> NumberList {
    let start = self.index
    guard let end = self.characters[start...].firstIndex(of: "]") else {
      throw self.error(.openBracket, from: start, to: self.characters.count)
    }
    self.index = end + 1
    return try NumberList(self.characters, start + 1..<end)
  }

  private var character: Character? {
    self.index < self.characters.count ? self.characters[self.index] : nil
  }

  private mutating func skipWhiteSpace() {
    while let character = self.character, character.isWhitespace { self.index += 1 }
  }

  private static func endsOperand(_ character: Character) -> Bool {
    character.isWhitespace || Operator(rawValue: character) != nil
  }

  private static func problem(with character: Character) -> NodeSetProblem? {
    switch character {
    case "]": .strayBracket
    case "*", "?": .wildcard
    case "-", "_", ".": nil
    default:
      character.isASCII && (character.isLetter || character.isNumber) ? nil : .characterNotAllowed
    }
  }

  /// An error about what was read since `start`.
  private func error(
    _ problem: NodeSetProblem, from start: Int, to end: Int? = nil
  ) -> NodeSetError {
    let text = self.characters[start..<max(start, end ?? self.index)]
    return NodeSetError(
      problem, column: start + 1, text: String(text.trimming(while: \.isWhitespace)))
  }
}
