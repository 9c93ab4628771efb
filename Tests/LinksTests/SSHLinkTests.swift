import Fleet
import Foundation
import GRPCCore
import Glibc
import NIOCore
import NIOPosix
import Plan
import SSH
import NodeAPI
import Testing

@testable import Links

@Suite(
  .enabled(if: TestPrograms.hasSSHD, "no /usr/sbin/sshd: install openssh-server"), .serialized)
struct SSHLinkTests {
  @Test func `a node without the agent is given it, and has it the next time`() async throws {
    let host = try TestHost()
    let first = try await TestLinks.visit(host.node(), run: host.run)
    #expect(first.processID > 0)
    let sha = try TestPrograms.agent.get().sha256
    let folder = "\(host.home)/.cache/muster/agent/\(sha)"
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["muster-node"])
    let inode =
      try FileManager.default.attributesOfItem(atPath: "\(folder)/muster-node")[
        .systemFileNumber] as? Int
    let second = try await TestLinks.visit(host.node(), run: host.run)
    #expect(second.processID > 0)
    #expect(second.hostName == first.hostName)
    let again =
      try FileManager.default.attributesOfItem(atPath: "\(folder)/muster-node")[
        .systemFileNumber] as? Int
    #expect(inode == again)
  }

  @Test(arguments: [
    "dd if=/dev/zero of=AGENT bs=64k count=16 conv=notrunc",
    "printf '#!/bin/sh\\necho muster-node 999\\n' > AGENT",
  ])
  func `an agent that was damaged on the node is pushed anew`(damage: String) async throws {
    let host = try TestHost()
    try host.installAgent()
    let image = try TestPrograms.agent.get()
    let file = "\(host.home)/.cache/muster/agent/\(image.sha256)/muster-node"
    try TestPrograms.run(["sh", "-c", damage.replacingOccurrences(of: "AGENT", with: file)])
    #expect(try await TestLinks.visit(host.node(), run: host.run).processID > 0)
    #expect(try AgentImage(path: file, cacheFolder: nil).sha256 == image.sha256)
  }

  @Test func `an agent that is whole and ends is an error, and not pushed anew`() async throws {
    let host = try TestHost(environment: "XDG_STATE_HOME=/proc/none")
    try host.installAgent()
    let sha = try TestPrograms.agent.get().sha256
    let file = "\(host.home)/.cache/muster/agent/\(sha)/muster-node"
    let before = try FileManager.default.attributesOfItem(atPath: file)[.systemFileNumber] as? Int
    let error = try await TestLinks.error(host.node(), run: host.run)
    guard case .endedEarly(_, let words, noise: "") = error else {
      Issue.record("\(error)")
      return
    }
    #expect(words.contains("/proc/none"))
    let after = try FileManager.default.attributesOfItem(atPath: file)[.systemFileNumber] as? Int
    #expect(before == after)
  }

  @Test func `links that push at the same time to one home all open`() async throws {
    let host = try TestHost()
    let run = host.run
    let nodes = (1...3).map { index in
      var node = host.node()
      node.name = "n\(index)"
      return node
    }
    let processes = try await withThrowingTaskGroup { group in
      for node in nodes {
        group.addTask { try await TestLinks.visit(node, run: run).processID }
      }
      return try await group.reduce(into: Set<Int64>()) { $0.insert($1) }
    }
    #expect(processes.count == 3)
    let sha = try TestPrograms.agent.get().sha256
    #expect(
      try FileManager.default.contentsOfDirectory(
        atPath: "\(host.home)/.cache/muster/agent/\(sha)") == ["muster-node"])
  }

  @Test(
    arguments: [
      "echo Welcome to the cluster; exec sh -c \"$SSH_ORIGINAL_COMMAND\"",
      "printf \"no line feed\"; exec sh -c \"$SSH_ORIGINAL_COMMAND\"",
      "head -c 60000 /dev/zero; exec sh -c \"$SSH_ORIGINAL_COMMAND\"",
      "echo warnings >&2; exec bash -c \"$SSH_ORIGINAL_COMMAND\"",
      "exec dash -c \"$SSH_ORIGINAL_COMMAND\"", "exec zsh -c \"$SSH_ORIGINAL_COMMAND\"",
      "exec tcsh -c \"$SSH_ORIGINAL_COMMAND\"", "exec fish -c \"$SSH_ORIGINAL_COMMAND\"",
    ])
  func `a login shell that prints or is not POSIX just works`(shell: String) async throws {
    for name in ["zsh", "tcsh", "fish"] where shell.contains(" \(name) ") {
      guard TestPrograms.has(name) else {
        print("skipped: \(name) is not installed")
        return
      }
    }
    let host = try TestHost(options: ["ForceCommand \(shell)"])
    try host.installAgent()
    #expect(try await TestLinks.visit(host.node(), run: host.run).processID > 0)
  }

  @Test func `a login shell that prints without end is an error`() async throws {
    let host = try TestHost(options: ["ForceCommand yes hello"])
    let error = try await TestLinks.error(host.node(), run: host.run)
    guard case .noise(let noise) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(noise.contains("hello"))
  }

  @Test func `a login shell that ends is an error with its words`() async throws {
    let host = try TestHost(options: [
      "ForceCommand echo This account is not available; echo why >&2; exit 1"
    ])
    let error = try await TestLinks.error(host.node(), run: host.run)
    #expect(
      error
        == .endedEarly(
          .exited(status: 1), standardError: "why\n", noise: "This account is not available\n"))
  }

  @Test func `a shell that says nothing is given up in time`() async throws {
    let host = try TestHost(options: ["ForceCommand sleep 1000"])
    let error = try await TestLinks.error(host.node(seconds: 1), run: host.run)
    #expect(
      error == .noAnswer(address: "127.0.0.1:\(host.port)", during: .agent, seconds: 1))
    #expect(error.diagnostic.rendered().contains("`~/.bashrc`"))
  }

  @Test func `another architecture is an error that names both`() async throws {
    let host = try TestHost(environment: "PATH=FOLDER/bin:/usr/bin:/bin")
    mkdir("\(host.folder.path)/bin", 0o700)
    try host.folder.writeProgram(
      "#!/bin/sh\n[ $1 = -m ] && echo riscv64 || echo Linux\n", to: "bin/uname")
    let error = try await TestLinks.error(host.node(), run: host.run)
    let image = try TestPrograms.agent.get().architecture
    #expect(error == .otherArchitecture(system: "Linux", architecture: "riscv64", image: image))
    let folder = "\(host.home)/.cache/muster/agent"
    for path in FileManager.default.subpaths(atPath: folder) ?? [] {
      #expect(!path.contains("muster-node"))
    }
  }

  @Test func `a node without gzip is sent the plain program`() async throws {
    let host = try TestHost(environment: "PATH=FOLDER/bin")
    mkdir("\(host.folder.path)/bin", 0o700)
    for name in ["sh", "head", "id", "mkdir", "chmod", "mv", "rm", "uname", "sync"] {
      try FileManager.default.createSymbolicLink(
        atPath: "\(host.folder.path)/bin/\(name)", withDestinationPath: "/bin/\(name)")
    }
    #expect(try await TestLinks.visit(host.node(), run: host.run).processID > 0)
  }

  @Test func `many logins at once pass a server that drops some`() async throws {
    let host = try TestHost(options: ["MaxStartups 2:90:3"])
    try host.installAgent()
    let run = host.run
    let nodes = (1...12).map { index in
      var node = host.node(seconds: 60)
      node.name = "n\(index)"
      return node
    }
    let processes = try await withThrowingTaskGroup { group in
      for node in nodes {
        group.addTask { try await TestLinks.visit(node, run: run).processID }
      }
      return try await group.reduce(into: Set<Int64>()) { $0.insert($1) }
    }
    #expect(processes.count == 12)
  }

  @Test func `a link that is cancelled while it opens closes`() async throws {
    let host = try TestHost(options: ["ForceCommand sleep 1000"])
    let (node, run) = (host.node(seconds: 100), host.run)
    let opener = try TestLinks.opener()
    let error = await withTaskGroup(of: LinkError?.self) { group in
      group.addTask {
        do throws(LinkError) {
          _ = try await opener.open(node, for: .run(run))
          return nil
        } catch {
          return error
        }
      }
      group.cancelAll()
      return await group.next().flatMap { $0 }
    }
    #expect(error == .cancelled)
  }

  @Test func `an errand needs no run, and leaves neither process nor folder`() async throws {
    let host = try TestHost(environment: "XDG_STATE_HOME=FOLDER/state")
    let run = host.run
    for _ in 1...2 {
      let link = try await TestLinks.opener().open(host.node(), for: .errand)
      let runs = try await withGRPCClient(transport: link.transport) { client in
        try await Muster_V1_Errands.Client(wrapping: client).runs(.init()).runs
      }
      #expect(runs == [])
      _ = await link.ended()
    }
    // Its program has ended with it.
    let program = "\(host.home)/.cache/muster/agent/.*[e]rrand"
    try TestPrograms.run([
      "timeout", "20", "sh", "-c", "while pgrep -f '\(program)' > /dev/null; do sleep 0.1; done",
    ])
    #expect(!FileManager.default.fileExists(atPath: "\(host.folder.path)/state"))
    _ = try await TestLinks.visit(host.node(), run: run)
    let link = try await TestLinks.opener().open(host.node(), for: .errand)
    let runs = try await withGRPCClient(transport: link.transport) { client in
      try await Muster_V1_Errands.Client(wrapping: client).runs(.init()).runs
    }
    #expect(runs.allSatisfy { $0.run == run && !$0.services })
  }
}
