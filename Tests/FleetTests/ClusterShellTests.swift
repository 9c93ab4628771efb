import Fleet
import Testing

/// Against ClusterShell itself (`apt-get install clustershell`).
@Suite(
  .enabled(
    if: ClusterShellPeer.isPossible,
    "needs Debian's clustershell: apt-get install clustershell"))
struct ClusterShellTests {
  @Test(arguments: [1, 2, 3] as [UInt64])
  func `thousands of random expressions fold and expand as nodeset does it`(seed: UInt64) throws {
    var random = RandomExpression(random: SplitMix64(state: seed))
    let expressions = (0..<3000).map { _ in random.next(dimensions: 1) }
    let answers = try ClusterShellPeer.answers(to: expressions)
    try #require(answers.count == expressions.count)
    var readCount = 0
    for (expression, answer) in zip(expressions, answers) {
      let ours = try? NodeSet(parsing: expression)
      if let ours {
        #expect(ours.folded == answer?.folded, "\(expression)")
        #expect(ours.names.map(\.rawValue) == answer?.expanded, "\(expression)")
        readCount += 1
      } else {
        // What ClusterShell alone reads is `n5[8-11]`, which it reads as `n[58-511]`.
        #expect(
          answer == nil || Self.problem(in: expression) == .digitsBeforeUnevenRange, "\(expression)"
        )
      }
    }
    #expect(readCount > 1500)
  }

  @Test func `names with several numbers expand as nodeset does it, and fold to the same set`()
    throws
  {
    var random = RandomExpression(random: SplitMix64(state: 4))
    let expressions = (0..<1000).map { _ in random.next(dimensions: 2) }
      .filter { ((try? NodeSet(parsing: $0).count) ?? .max) <= 500 }
    let sets = try expressions.map { try NodeSet(parsing: $0) }
    let answers = try ClusterShellPeer.answers(to: expressions)
    let folded = try ClusterShellPeer.answers(to: sets.map(\.folded))
    #expect(sets.count > 300)
    for (index, set) in sets.enumerated() {
      let names = Set(set.names.map(\.rawValue))
      #expect(Set(answers[index]?.expanded ?? []) == names, "\(expressions[index])")
      #expect(Set(folded[index]?.expanded ?? []) == names, "\(expressions[index])")
      #expect(try NodeSet(parsing: set.folded) == set, "\(expressions[index])")
    }
  }

  @Test(arguments: ["n[1-9,01]", "gpu[01-21]!gpu07", "n[8-10],n[08-10]", "b,a,n[0-10/5]", "n1!n1"])
  func `the program nodeset prints the same lines`(expression: String) throws {
    let set = try NodeSet(parsing: expression)
    #expect(try ClusterShellPeer.nodeset(["-f", expression]) == set.folded)
    let expanded = set.names.map(\.rawValue).joined(separator: " ")
    #expect(try ClusterShellPeer.nodeset(["-e", expression]) == expanded)
    #expect(try ClusterShellPeer.nodeset(["-c", expression]) == "\(set.count)")
  }

  private static func problem(in expression: String) -> NodeSetProblem? {
    do {
      _ = try NodeSet(parsing: expression)
      return nil
    } catch {
      return error.problem
    }
  }
}
