import Testing

@testable import NodeAgent

@Suite struct AgentIdentityTests {
  @Test func `names become folders only if they are harmless`() {
    for name in ["", ".", "..", "a/b", "a b", "ä", "a\n", String(repeating: "x", count: 65)] {
      #expect(throws: NodeAgentError.self) { try AgentIdentity(run: name, node: "n") }
      #expect(throws: NodeAgentError.self) { try AgentIdentity(run: "r", node: name) }
    }
    #expect(throws: Never.self) { try AgentIdentity(run: "a.B_c-9", node: "...") }
  }

  @Test func `the runtime folder's socket is short for every user`() throws {
    let identity = try AgentIdentity(
      run: String(repeating: "r", count: 64), node: String(repeating: "n", count: 64))
    let path = "/dev/shm/muster-4294967295/\(identity.digest)/socket-4194304-99999999999999999999"
    #expect(path.utf8.count < 103)
  }
}
