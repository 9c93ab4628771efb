import Foundation
import Launch
import OperatingSystem
import Testing

@testable import NodeAgent

/// What an agent writes for a person, run by the shell as that person would.
@Suite struct ReplicaScriptsTests {
  private func replica(_ argv: [String]) -> ReplicaSpecification {
    var replica = ReplicaSpecification("policy", script: "")
    replica.launch.argv = argv
    return replica
  }

  /// Publishes the scripts of `replica` and runs `launch.sh` in a home that has a folder `work`.
  private func launch(
    _ replica: ReplicaSpecification, environment: [String: String] = [:]
  ) throws -> (status: Int32, output: String, home: String) {
    let scratch = try TestAgent().folder
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    let identity = try AgentIdentity(run: "r", node: "n")
    let state = try StateFolder(for: identity, environment: ["HOME": scratch])
    let folder = ReplicaFolder(of: replica.key, in: state)
    try PlainFile.makeFolders(folder.path)
    try PlainFile.makeFolders("\(scratch)/home/work")
    try ReplicaScripts(replica: replica, identity: identity).publish(in: folder)
    let process = Process()
    process.executableURL = URL(filePath: "\(folder.path)/launch.sh")
    process.environment = ["PATH": "/usr/bin:/bin", "HOME": "\(scratch)/home"]
      .merging(environment) { $1 }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (
      process.terminationStatus, String(decoding: output, as: UTF8.self), "\(scratch)/home"
    )
  }

  @Test(arguments: [("", ""), ("~", ""), ("~/work", "/work"), ("/", nil)])
  func `launch.sh enters the folder that the agent would`(
    folder: String, below: String?
  ) throws {
    var replica = self.replica(["pwd"])
    replica.launch.folder = folder
    let result = try self.launch(replica)
    #expect(result.status == 0)
    #expect(result.output == (below.map { result.home + $0 } ?? "/") + "\n")
  }

  @Test func `the program gets its words and variables, a secret comes from the person`() throws {
    var replica = self.replica(["printf", "%s|", "a b", "it's", "$ROOT"])
    replica.launch.secrets = ["HF_TOKEN"]
    replica.launch.environment = [EnvironmentVariable("ROOT", "/x $y")]
    let set = try self.launch(replica, environment: ["HF_TOKEN": "s"])
    #expect(set.status == 0)
    #expect(set.output == "a b|it's|$ROOT|")
    #expect(try self.launch(replica).status != 0)
    replica.launch.argv = ["sh", "-c", "printf %s \"$ROOT\""]
    #expect(try self.launch(replica, environment: ["HF_TOKEN": "s"]).output == "/x $y")
  }
}
