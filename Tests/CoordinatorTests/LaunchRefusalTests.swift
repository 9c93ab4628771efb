@testable import Coordinator
import Fleet
import Links
import Testing

/// Nodes that refuse.
extension LaunchMachineTests {
  @Test func `a refused node ends the launch soon, and one that was there before does not`() {
    var machine = Self.machine()
    let fault = NodeFault(
      node: "n2", kind: .refused, Diagnostic(code: "host-key-changed", "its host key changed"))
    let reason = Diagnostic(code: "host-key-changed", "n2: its host key changed")
    let end = Self.aborted(reason) + [.end(LaunchResult(reasons: [reason]))]
    #expect(machine.faulted(fault, at: Self.start) == [])
    #expect(Self.pass(&machine, to: 1) == [])
    #expect(Self.pass(&machine, from: 2, to: 2) == end)
    // At once where nobody else can be heard of.
    machine = Self.machine()
    _ = Self.attach(&machine, "n1")
    #expect(machine.faulted(fault, at: Self.start) == Self.aborted(reason))
    // One restart of its sshd, before the other is there and after.
    var gathering = Self.machine()
    _ = Self.attach(&gathering, "n2")
    #expect(gathering.faulted(fault, at: Self.start) == [])
    #expect(Self.attach(&gathering, "n1") == Self.starting("base"))
    var started = Self.started()
    #expect(started.faulted(fault, at: Self.start) == [])
  }

  @Test func `all nodes that refuse are named together, whatever their addresses`() {
    var machine = Self.machine()
    let faults = ["n1", "n2"].map { NodeFault(node: $0, .connectionRefused(address: "\($0):22")) }
    #expect(machine.faulted(faults[0], at: Self.start) == [])
    let reason = Diagnostic(
      code: "connection-refused", "n[1-2]: nothing listens on the node's address",
      causes: ["n1: nothing listens on n1:22"],
      hints: ["see that sshd runs there, and that `ssh.port` is right"])
    #expect(
      machine.faulted(faults[1], at: Self.start)
        == Self.aborted(reason) + [.end(LaunchResult(reasons: [reason]))])
  }
}
