import Fleet
import Testing

@Suite struct NodeSetErrorTests {
  @Test(arguments: [
    (",n1", 1, NodeSetProblem.missingOperand, ","),
    ("n1,", 3, .missingOperand, ","),
    ("n1,,n2", 3, .missingOperand, ","),
    ("n1 ! ", 4, .missingOperand, "!"),
    ("a,n[1", 4, .openBracket, "[1"),
    ("n1]", 3, .strayBracket, "]"),
    ("n[]", 3, .emptyRange, ""),
    ("n[1,]", 5, .emptyRange, ""),
    ("n[1-]", 3, .emptyRange, "1-"),
    ("n[-5--3]", 3, .emptyRange, "-5--3"),
    ("n[1, a]", 6, .notANumber, "a"),
    ("n[1-2-3]", 3, .notANumber, "1-2-3"),
    ("n[+1]", 3, .notANumber, "+1"),
    ("n[٣]", 3, .notANumber, "٣"),
    ("n[5-1]", 3, .descendingRange, "5-1"),
    ("n[01-100]", 3, .paddingMismatch, "01-100"),
    ("n[1-02]", 3, .paddingMismatch, "1-02"),
    ("n[1-5/0]", 3, .zeroStep, "1-5/0"),
    ("n[1/2]", 3, .stepWithoutRange, "1/2"),
    ("n[1][2]", 1, .adjacentBrackets, "n[1][2]"),
    ("n[1]5[2]", 1, .adjacentBrackets, "n[1]5[2]"),
    ("m,n5[8-11]", 3, .digitsBeforeUnevenRange, "n5[8-11]"),
    ("m,n[0-4/2]0", 3, .stepBeforeDigits, "n[0-4/2]0"),
    ("m,n[0-10]5", 3, .paddingMismatch, "n[0-10]5"),
    ("m,n[1-70000]", 5, .tooManyNodes, "1-70000"),
    ("n[1-1000000000000000000]", 3, .numberTooLong, "1-1000000000000000000"),
    ("n1000000000000000000", 1, .numberTooLong, "n1000000000000000000"),
    ("gpu*", 4, .wildcard, "*"),
    ("gpü1", 3, .characterNotAllowed, "ü"),
    ("a/b", 2, .characterNotAllowed, "/"),
    ("a,..", 3, .nameStart, ".."),
    ("-x", 1, .nameStart, "-x"),
    ("a,@", 3, .missingGroupName, "@"),
    ("a,@big", 3, .unknownGroup, "@big"),
  ])
  func `an error has its column, its text and its kind`(
    expression: String, column: Int, problem: NodeSetProblem, text: String
  ) {
    let error = #expect(throws: NodeSetError.self) { try NodeSet(parsing: expression) }
    #expect(error == NodeSetError(problem, column: column, text: text))
    #expect(error?.problem.summary.isEmpty == false)
  }

  @Test func `a name longer than a host's is refused`() throws {
    let name = String(repeating: "a", count: 253)
    #expect(try NodeSet(parsing: name).count == 1)
    let error = #expect(throws: NodeSetError.self) { try NodeSet(parsing: name + "[1-2]") }
    #expect(error?.problem == .nameTooLong)
    #expect(error?.text.count == 80)
  }

  @Test func `an expression that is long, or names too much, ends soon`() throws {
    let long = String(repeating: "a", count: NodeSetLimits.expressionSizeMax + 1)
    #expect(throws: NodeSetError(.expressionTooLong)) { try NodeSet(parsing: long) }
    let wide = Array(repeating: "n[1-65536]", count: 17).joined(separator: ",")
    let error = #expect(throws: NodeSetError.self) { try NodeSet(parsing: wide) }
    #expect(error?.problem == .tooManyNodes)
  }

  @Test(arguments: [
    ("n[1-65536]", "n[0-65536]"), ("a[1-256]b[1-256]", "a[1-256]b[1-257]"),
    ("a[1-4,9-12]b[1-128]c[1-64]", "a[1-4,9-12]b[1-129]c[1-64]"),
    ("n[0-131070/2]", "n[0-131072/2]"), ("r[1-32768,40001-72768]", "r[1-32768,40001-72769]"),
  ])
  func `as many nodes as are allowed are, over all axes, and not one more`(
    most: String, tooMany: String
  ) throws {
    #expect(try NodeSet(parsing: most).count == NodeSetLimits.countMax)
    let error = #expect(throws: NodeSetError.self) { try NodeSet(parsing: tooMany) }
    #expect(error?.problem == .tooManyNodes)
  }

  @Test func `an error is told with its place and what to write instead`() throws {
    let error = #expect(throws: NodeSetError.self) { try NodeSet(parsing: "gpu[04-01]") }
    #expect(
      try #require(error).diagnostic(in: "<argument>").rendered() == """
        error: node set `04-01`: a range ends below its begin
          --> <argument>:1:5
        hint: put the smaller number first

        """)
    let placed = try #require(error).diagnostic(in: "a.yaml", line: 3, column: 10)
    #expect(placed.location == SourceLocation(file: "a.yaml", line: 3, column: 14))
  }
}
