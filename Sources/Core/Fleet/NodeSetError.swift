/// What is wrong with a node set expression, and where.
package struct NodeSetError: Error, Equatable, Sendable {
  package var problem: NodeSetProblem
  /// Of the first character it is about; counts from 1, in characters of the expression.
  package var column: Int
  /// The offending part of the expression, shortened to 80 characters; may be empty.
  package var text: String

  package init(_ problem: NodeSetProblem, column: Int = 1, text: String = "") {
    self.problem = problem
    self.column = column
    self.text = text.count > 80 ? "\(text.prefix(79))…" : text
  }

  /// One sentence without a full stop, with the offending text in backticks.
  package var summary: String {
    self.text.isEmpty ? self.problem.summary : "`\(self.text)`: \(self.problem.summary)"
  }

  /// What to write instead, where there is one thing to say.
  package var hint: String? { self.problem.hint }

  /// The error as it is told, at a column of a file.
  ///
  /// - Parameters:
  ///   - file: As the user named it; `<argument>` for a command line.
  ///   - line: Counts from 1.
  ///   - column: Where the expression begins in its line; counts from 1.
  package func diagnostic(in file: String, line: Int = 1, column: Int = 1) -> Diagnostic {
    Diagnostic(
      code: "wrong-node-set", "node set \(self.summary)",
      at: SourceLocation(file: file, line: line, column: column + self.column - 1),
      hints: self.hint.map { [$0] } ?? [])
  }
}

/// The kinds of what can be wrong with a node set expression.
package enum NodeSetProblem: Error, Equatable, Sendable {
  case expressionTooLong
  /// An operator without a node set on both sides.
  case missingOperand
  case characterNotAllowed
  case wildcard
  /// A name that begins with a dot or a hyphen.
  case nameStart
  case nameTooLong
  case openBracket
  case strayBracket
  /// Two brackets with nothing or only digits between them.
  case adjacentBrackets
  case emptyRange
  case notANumber
  case numberTooLong
  /// A range whose padded ends have different widths.
  case paddingMismatch
  case descendingRange
  case zeroStep
  case stepWithoutRange
  /// `n5[8-11]`: ClusterShell reads it as `n[58-511]`, people as `n58,n59,n510,n511`.
  case digitsBeforeUnevenRange
  /// `n[0-4/2]0`, which ClusterShell refuses too.
  case stepBeforeDigits
  case tooManyNodes
  case missingGroupName
  case unknownGroup

  package var summary: String {
    switch self {
    case .expressionTooLong:
      "an expression has at most \(NodeSetLimits.expressionSizeMax) bytes"
    case .missingOperand: "an operator needs a node set on both sides"
    case .characterNotAllowed: "a node's name has letters, digits, `-`, `_` and `.` only"
    case .wildcard: "node sets have no wildcards"
    case .nameStart: "a node's name begins with a letter, a digit or `_`"
    case .nameTooLong: "a node's name has at most \(NodeSetLimits.nameSizeMax) bytes"
    case .openBracket: "a bracket is not closed"
    case .strayBracket: "a closing bracket without an opening one"
    case .adjacentBrackets: "two brackets need more than digits between them"
    case .emptyRange: "a number is missing"
    case .notANumber: "not a number or a range of numbers"
    case .numberTooLong: "a number has at most \(NodeSetLimits.digitCountMax) digits"
    case .paddingMismatch: "both ends of a range with leading zeros need as many digits"
    case .descendingRange: "a range ends below its begin"
    case .zeroStep: "a step is at least 1"
    case .stepWithoutRange: "a step needs a range"
    case .digitsBeforeUnevenRange:
      "digits before a range whose ends have different widths can be read in two ways"
    case .stepBeforeDigits: "digits cannot follow a range with a step"
    case .tooManyNodes: "an expression stands for at most \(NodeSetLimits.countMax) nodes"
    case .missingGroupName: "`@` needs the name of a group"
    case .unknownGroup: "no such group"
    }
  }

  package var hint: String? {
    switch self {
    case .missingOperand: "write `a,b` or `a!b`: one operator between two node sets"
    case .characterNotAllowed: "operators are `,` `!` `&` `^`; a group is `@name`"
    case .wildcard: "write a range such as `gpu[01-21]`, or a group"
    case .nameStart: "give the node a name of its own and its address in the manifest"
    case .openBracket: "close it: `gpu[01-04]`"
    case .strayBracket: "open it before its first number: `gpu[01-04]`"
    case .adjacentBrackets: "put a letter or `-` between them, or write the numbers out"
    case .emptyRange, .notANumber: "write `[1-4,8,10-20/2]`"
    case .paddingMismatch: "write `[008-120]`, or `[8-120]` without zeros"
    case .descendingRange: "put the smaller number first"
    case .zeroStep, .stepWithoutRange: "write `[0-8/2]` for 0, 2, 4, 6, 8"
    case .digitsBeforeUnevenRange: "put all digits inside: `n[58-59,510-511]`"
    case .stepBeforeDigits: "put all digits inside: `n[00-40/20]`"
    case .expressionTooLong, .nameTooLong, .numberTooLong, .tooManyNodes, .missingGroupName,
      .unknownGroup:
      nil
    }
  }
}
