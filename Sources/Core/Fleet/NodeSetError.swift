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

  /// The error as it is told of an expression that begins there; `<argument>` stands for a file on a
  /// command line.
  package func diagnostic(in file: String, line: Int = 1, column: Int = 1) -> Diagnostic {
    Diagnostic(
      code: "wrong-node-set", "node set \(self.summary)",
      at: SourceLocation(file: file, line: line, column: column + self.column - 1),
      hints: self.hint.map { [$0] } ?? [])
  }
}

/// A kind of what can be wrong with a node set expression.
package struct NodeSetProblem: Error, Equatable, Sendable {
  package let summary: String
  /// What to write instead, where there is one thing to say.
  package let hint: String?

  private init(_ summary: String, _ hint: String? = nil) {
    self.summary = summary
    self.hint = hint
  }

  package static let expressionTooLong = Self(
    "an expression has at most \(NodeSetLimits.expressionSizeMax) bytes")
  /// An operator without a node set on both sides.
  package static let missingOperand = Self(
    "an operator needs a node set on both sides",
    "write `a,b` or `a!b`: one operator between two node sets")
  package static let characterNotAllowed = Self(
    "a node's name has letters, digits, `-`, `_` and `.` only",
    "operators are `,` `!` `&` `^`; a group is `@name`")
  package static let wildcard = Self(
    "node sets have no wildcards", "write a range such as `gpu[01-21]`, or a group")
  /// A name that begins with a dot or a hyphen.
  package static let nameStart = Self(
    "a node's name begins with a letter, a digit or `_`",
    "give the node a name of its own and its address in the manifest")
  package static let nameTooLong = Self(
    "a node's name has at most \(NodeSetLimits.nameSizeMax) bytes")
  package static let openBracket = Self("a bracket is not closed", "close it: `gpu[01-04]`")
  package static let strayBracket = Self(
    "a closing bracket without an opening one", "open it before its first number: `gpu[01-04]`")
  /// Two brackets with nothing or only digits between them.
  package static let adjacentBrackets = Self(
    "two brackets need more than digits between them",
    "put a letter or `-` between them, or write the numbers out")
  package static let emptyRange = Self("a number is missing", "write `[1-4,8,10-20/2]`")
  package static let notANumber = Self(
    "not a number or a range of numbers", "write `[1-4,8,10-20/2]`")
  package static let numberTooLong = Self(
    "a number has at most \(NodeSetLimits.digitCountMax) digits")
  /// A range whose padded ends have different widths.
  package static let paddingMismatch = Self(
    "both ends of a range with leading zeros need as many digits",
    "write `[008-120]`, or `[8-120]` without zeros")
  package static let descendingRange = Self(
    "a range ends below its begin", "put the smaller number first")
  package static let zeroStep = Self("a step is at least 1", "write `[0-8/2]` for 0, 2, 4, 6, 8")
  package static let stepWithoutRange = Self(
    "a step needs a range", "write `[0-8/2]` for 0, 2, 4, 6, 8")
  /// `n5[8-11]`: ClusterShell reads it as `n[58-511]`, people as `n58,n59,n510,n511`.
  package static let digitsBeforeUnevenRange = Self(
    "digits before a range whose ends have different widths can be read in two ways",
    "put all digits inside: `n[58-59,510-511]`")
  /// `n[0-4/2]0`, which ClusterShell refuses too.
  package static let stepBeforeDigits = Self(
    "digits cannot follow a range with a step", "put all digits inside: `n[00-40/20]`")
  package static let tooManyNodes = Self(
    "an expression stands for at most \(NodeSetLimits.countMax) nodes")
  package static let missingGroupName = Self("`@` needs the name of a group")
  package static let unknownGroup = Self("no such group")
}
