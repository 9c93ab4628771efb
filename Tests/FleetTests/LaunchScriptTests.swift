import Fleet
import Foundation
import Testing

@Suite struct LaunchScriptTests {
  static let nasty = [
    "plain", "", " ", "a b", "it's", "\"$HOME\"", "`id`", "$(id)", "line\nfeed", "back\\slash",
    "~", "*", "-n", "ü✓", "a=b", "#x", "!", "'\\''", ";&|<>", "\t",
  ]

  /// Writes the scripts, runs `launch.sh` in `/bin/sh` and returns its status and output.
  private func run(
    variables: [(name: String, value: String)], secrets: [String] = [], argv: [String],
    folder: String = "/", folders: [String] = [], environment: [String: String] = [:]
  ) throws -> (status: Int32, output: String) {
    let scratch = FileManager.default.temporaryDirectory.appending(
      path: "launch script \(UUID().uuidString)")
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: scratch) }
    try EnvironmentScript.text(title: "a-0", variables: variables, secrets: secrets)
      .write(to: scratch.appending(path: "env.sh"), atomically: false, encoding: .utf8)
    let script = scratch.appending(path: "launch.sh")
    try LaunchScript.text(
      title: "a-0", argv: argv, folder: folder,
      folders: folders.map { "\(scratch.path)/\($0)" }
    ).write(to: script, atomically: false, encoding: .utf8)
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = [script.path]
    process.environment = ["PATH": "/usr/bin:/bin", "HOME": scratch.path].merging(environment) {
      $1
    }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  @Test func `arguments arrive as they are`() throws {
    let words = Self.nasty
    let result = try self.run(variables: [], argv: ["printf", "%s\\0"] + words)
    #expect(result.status == 0)
    #expect(result.output == words.map { "\($0)\0" }.joined())
  }

  @Test func `values arrive as they are`() throws {
    let variables = Self.nasty.enumerated().map { (name: "V\($0.offset)", value: $0.element) }
    let result = try self.run(variables: variables, argv: ["env", "-0"])
    #expect(result.status == 0)
    let got = result.output.split(separator: "\0").map(String.init)
    for variable in variables { #expect(got.contains("\(variable.name)=\(variable.value)")) }
  }

  @Test func `a secret comes from the environment and its absence stops the script`() throws {
    let argv = ["sh", "-c", "printf %s \"$TOKEN\""]
    #expect(!LaunchScript.text(title: "a-0", argv: argv, folder: "").contains("s3cret"))
    let set = try self.run(
      variables: [], secrets: ["TOKEN"], argv: argv, environment: ["TOKEN": "s3cret"])
    #expect(set.status == 0)
    #expect(set.output == "s3cret")
    let unset = try self.run(variables: [], secrets: ["TOKEN"], argv: argv)
    #expect(unset.status != 0)
    #expect(unset.output == "")
  }

  @Test func `folders are made and the working folder is entered`() throws {
    let made = try self.run(
      variables: [], argv: ["sh", "-c", "pwd; ls -d caches/*"], folder: "", folders: ["caches/a b"])
    #expect(made.status == 0)
    #expect(made.output.hasSuffix("\ncaches/a b\n"))
    let inside = try self.run(
      variables: [], argv: ["pwd"], folder: "~/caches/x", folders: ["caches/x"])
    #expect(inside.output.hasSuffix("/caches/x\n"))
  }

  @Test func `a program whose name looks like an assignment is still a program`() throws {
    let result = try self.run(variables: [], argv: ["A=1", "true"])
    #expect(result.status == 127)
  }
}
