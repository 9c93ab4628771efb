import Fleet
import Foundation
import GRPCCore
import Glibc
import Plan
import SSH
import NodeAPI
import Testing

@testable import Links

@Suite struct PipeLinkTests {
  @Test func `a local link speaks to an agent on this machine`() async throws {
    let run = "local-\(UUID().uuidString.prefix(8))"
    let node = Plan.Node(name: "n1", link: .local)
    let response = try await TestLinks.visit(node, run: run)
    #expect(response.processID > 0)
  }

  @Test func `a command template carries the agent through its pipe`() async throws {
    let folder = try ScratchFolder()
    let run = "command-\(UUID().uuidString.prefix(8))"
    let node = Plan.Node(
      name: "n1", link: .command(argv: ["env", "HOME=\(folder.path)", "nice"]))
    #expect(try await TestLinks.visit(node, run: run).processID > 0)
  }

  @Test func `a command that does not exist is an error of its own`() async throws {
    let node = Plan.Node(name: "n1", link: .command(argv: ["/no/such/program"]))
    let error = try await TestLinks.error(node, run: "r")
    #expect(
      error
        == .programNotStarted(program: "/no/such/program", detail: "No such file or directory"))
  }

  @Test func `a command that fails is an error with its status and last words`() async throws {
    let node = Plan.Node(
      name: "n1", link: .command(argv: ["sh", "-c", "echo no such job >&2; exit 9"]))
    let error = try await TestLinks.error(node, run: "r")
    #expect(error == .endedEarly(.exited(status: 9), standardError: "no such job\n", noise: ""))
  }

  @Test func `the end of a link says how its program ended`() async throws {
    let folder = try ScratchFolder()
    try folder.writeProgram(
      "#!/bin/sh\necho muster-node 1\ncat > /dev/null\necho crash >&2\nexit 4\n", to: "sh")
    let path = "PATH=\(folder.path):/usr/bin:/bin"
    let node = Plan.Node(name: "n1", link: .command(argv: ["env", "HOME=\(folder.path)", path]))
    let link = try await TestLinks.opener().open(node, for: .run("r"))
    // The client that ends closes the pipe, and with it the program's standard input.
    let client = GRPCClient(transport: link.transport)
    try await withThrowingTaskGroup { group in
      group.addTask { try await client.runConnections() }
      group.addTask {
        // It is told to end once it runs: a call that gets no answer shows that.
        let options = {
          var options = CallOptions.defaults
          options.timeout = .milliseconds(50)
          return options
        }()
        let request = Muster_V1_AttachRequest()
        _ = try? await Muster_V1_Node.Client(wrapping: client).attach(request, options: options)
        client.beginGracefulShutdown()
      }
      try await group.waitForAll()
    }
    let end = await link.ended()
    #expect(end == CommandEnd(outcome: .exited(status: 4), standardError: "crash\n"))
  }

  @Test func `an agent of another version is an error`() async throws {
    let folder = try ScratchFolder()
    try folder.writeProgram("#!/bin/sh\necho muster-node 999\ncat\n", to: "sh")
    let path = "PATH=\(folder.path):/usr/bin:/bin"
    let node = Plan.Node(name: "n1", link: .command(argv: ["env", "HOME=\(folder.path)", path]))
    #expect(try await TestLinks.error(node, run: "r") == .otherProtocol(line: "muster-node 999"))
  }
}
