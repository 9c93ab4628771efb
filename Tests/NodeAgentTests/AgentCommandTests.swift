import Launch
import Testing

@testable import NodeAgent

@Suite struct AgentCommandTests {
  @Test(arguments: [
    (["connect", "--run", "r", "--node", "n"], true), (["connect", "--run", "r"], false),
    (["daemon", "--node", "n", "--run", "r"], true), (["connect", "--run"], false),
    (["connect", "--run", "r", "--run", "s"], false), (["verify", "abc"], false),
    (["verify", String(repeating: "a", count: 64)], true), (["version"], true), ([], false),
    (["hold", "--record", "a", "--log", "b", "--folder", "/", "--", "x", "--", "y"], true),
    (["hold", "--record", "a", "--log", "b", "--folder", "/", "--"], false),
    (["hold", "x"], false), (["errand", "--node", "n"], true), (["errand"], false),
    (["errand", "--node", "a/b"], false), (["errand", "--node", "n", "--run", "r"], false),
  ])
  func `a command line is whole or refused`(arguments: [String], isFine: Bool) {
    #expect(((try? AgentCommand(parsing: arguments)) != nil) == isFine)
  }

  @Test func `a holder's order survives its own command line`() throws {
    var order = HolderOrder(
      record: "/r", log: "/l", folder: "/f", argv: ["sh", "--", "--log", "", "a b"])
    let shares = [CoreShare(index: 1, count: 2), CoreShare(index: 0, count: 1, variable: "A/B")]
    for cores in [nil] + shares {
      order.cores = cores
      #expect(try AgentCommand(parsing: order.arguments) == .hold(order))
    }
  }
}
