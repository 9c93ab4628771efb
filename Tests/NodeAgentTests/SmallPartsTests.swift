import Glibc
import Fleet
import FoundationEssentials
import GRPCCore
import Health
import Launch
import Testing

@testable import NodeAgent

@Suite
struct `Small parts of the agent` {
  @Test func `folders are made even while others remove them`() async throws {
    let folder = try TestAgent().folder
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await withThrowingTaskGroup { tasks in
      for name in ["a", "b"] {
        tasks.addTask {
          for _ in 0..<2000 {
            try PlainFile.makeFolders("\(folder)/run/\(name)")
            rmdir("\(folder)/run/\(name)")
            rmdir("\(folder)/run")
          }
        }
      }
      try await tasks.waitForAll()
    }
  }

  @Test func `names become folders only if they are harmless`() {
    for name in ["", ".", "..", "a/b", "a b", "ä", "a\n", String(repeating: "x", count: 65)] {
      #expect(throws: NodeAgentError.self) { try AgentIdentity(run: name, node: "n") }
      #expect(throws: NodeAgentError.self) { try AgentIdentity(run: "r", node: name) }
    }
    #expect(throws: Never.self) { try AgentIdentity(run: "a.B_c-9", node: "...") }
  }

  @Test(arguments: [
    (ReplicaPhase.ready, ReplicaAdoption.ready(isUnproven: false)),
    (.busy, .ready(isUnproven: false)), (.stalled, .ready(isUnproven: false)),
    (.loading, .coming), (.stopping, .stopping), (.failed, .failed(reason: "why")),
  ])
  func `a replica is taken up where the daemon before left it`(
    state: ReplicaPhase, adoption: ReplicaAdoption
  ) {
    var status = ReplicaStatus(key: ReplicaKey(service: "job", index: 0), state: state)
    status.reason = "why"
    #expect(ReplicaStatusFile(status).adoption == adoption)
  }

  @Test func `the runtime folder's socket is short for every user`() throws {
    let identity = try AgentIdentity(
      run: String(repeating: "r", count: 64), node: String(repeating: "n", count: 64))
    let path = "/dev/shm/muster-4294967295/\(identity.digest)/socket-4194304-99999999999999999999"
    #expect(path.utf8.count < 103)
  }

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

  @Test func `a record of a process survives its file`() {
    let start = ProcessRecord.Start(
      bootID: "b-1", holder: .init(processID: 3, startTicks: 4),
      main: .init(processID: 5, startTicks: 6), startedAtMilliseconds: 7)
    let contents: [ProcessRecord.Content] = [
      .launchFailed("cannot start `x`: No such file"), .launched(start, end: nil),
      .launched(start, end: .exited(status: 0)), .launched(start, end: .signalled(9)),
    ]
    for content in contents {
      #expect(ProcessRecord(parsing: ProcessRecord(content).text)?.content == content)
    }
    #expect(ProcessRecord(parsing: "boot b\nholder 1\n") == nil)
    #expect(ProcessRecord(parsing: "") == nil)
  }

  @Test func `the highest epoch holds the run`() {
    var claim = RunClaim()
    let (old, new) = (
      RunClaim.Holder(epoch: 1, coordinator: "a"), RunClaim.Holder(epoch: 2, coordinator: "b")
    )
    #expect(claim.mayAct(from: "x") == .notClaimed)
    #expect(claim.claim(old, from: "x") == .accepted)
    #expect(claim.mayAct(from: "x") == .allowed)
    #expect(claim.claim(new, from: "y") == .accepted)
    #expect(claim.mayAct(from: "x") == .superseded(holder: new))
    #expect(claim.claim(old, from: "z") == .refused(holder: new))
    #expect(claim.claim(.init(epoch: 2, coordinator: "c"), from: "z") == .refused(holder: new))
    #expect(claim.claim(new, from: "z") == .accepted)
    #expect(claim.mayAct(from: "y") == .allowed)
    claim.observe(from: "y")
    #expect(claim.mayAct(from: "y") == .notClaimed)
    for link in 0..<200 { #expect(claim.claim(new, from: "link \(link)") == .accepted) }
    #expect(claim.mayAct(from: "link 199") == .allowed)
    #expect(claim.mayAct(from: "z") == .notClaimed)
  }

  @Test(arguments: [
    (#" {"a":[1,-2.5e3,true,false,null],"b":{"c":"d"}} "#, true), (#""\ud83d\ude00\n""#, true),
    ("[]", true), ("{}", true), ("", false), ("{", false), (#"{"a"}"#, false), ("[1,]", false),
    ("nul", false), (#""\q""#, false), (#""open"#, false), ("1 2", false),
    (String(repeating: "[", count: 100_000), false),
  ])
  func `JSON is read or refused, and never traps`(text: String, isFine: Bool) {
    #expect((JSONValue(parsing: Array(text.utf8)) != nil) == isFine)
    for count in stride(from: 0, to: min(text.utf8.count, 64), by: 1) {
      _ = JSONValue(parsing: Array(text.utf8.prefix(count)))
    }
  }

  @Test func `a JSON string keeps every character`() {
    let text = "a\"b\\c\n\u{1}é😀"
    #expect(JSONValue(parsing: Array(JSONText.quoted(text).utf8)) == .string(text))
    #expect(JSONValue(parsing: Array(#""\ud83d\ude00""#.utf8)) == .string("😀"))
  }

  @Test func `a file is published by many at once, and each of them succeeds`() async throws {
    let folder = try TestAgent().folder
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await withThrowingTaskGroup { tasks in
      for number in 0..<8 {
        tasks.addTask {
          for _ in 0..<200 {
            try PlainFile.publish(Array("\(number)\n".utf8), at: "\(folder)/holder")
          }
        }
      }
      try await tasks.waitForAll()
    }
    #expect(try PlainFile.names(in: folder) == ["holder"])
    #expect(try PlainFile.read("\(folder)/holder", sizeMax: 100).count == 2)
  }
}
