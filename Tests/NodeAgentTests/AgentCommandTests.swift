import Testing

@testable import NodeAgent

@Suite struct AgentCommandTests {
  @Test(arguments: [
    (["connect", "--run", "r", "--node", "n"], true), (["connect", "--run", "r"], false),
    (["daemon", "--node", "n", "--run", "r"], true), (["connect", "--run"], false),
    (["connect", "--run", "r", "--run", "s"], false), (["verify", "abc"], false),
    (["verify", String(repeating: "a", count: 64)], true), (["version"], true), ([], false),
    (["hold", "--replica", "/a b", "--attempt", "2"], true), (["hold", "--replica", "/a"], false),
    (["hold", "--replica", "/a", "--attempt", "x"], false), (["hold", "x"], false),
    (["observe", "--run", "r", "--node", "n"], true), (["observe", "--node", "n"], false),
    (["errand", "--node", "n"], true), (["errand"], false),
    (["errand", "--node", "a/b"], false), (["errand", "--node", "n", "--run", "r"], false),
  ])
  func `a command line is whole or refused`(arguments: [String], isFine: Bool) {
    #expect(((try? AgentCommand(parsing: arguments)) != nil) == isFine)
  }
}
