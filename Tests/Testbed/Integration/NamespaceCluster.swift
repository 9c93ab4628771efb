import Foundation
import Testing

/// Hosts of `scripts/testbed`, each with its own network, processes and root: they can be cut off and
/// killed. Needs root.
final class NamespaceCluster: Sendable {
  let folder: URL
  let manifest: String
  private let environment: [String: String]
  private let number: Int

  static var isPossible: Bool {
    geteuid() == 0 && LabCluster.sshdIsHere
      && ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"].contains {
        FileManager.default.isExecutableFile(atPath: $0)
      }
  }

  /// - Parameters:
  ///   - services: The `services:` part of the manifest; empty: none.
  ///   - bind: A folder that every host sees.
  init(
    hostCount: Int, options: [String] = [], services: String = "", bind: String = ""
  ) throws {
    let number = Int.random(in: 100..<250)
    self.number = number
    self.folder = FileManager.default.temporaryDirectory
      .appending(path: "muster-testbed-\(number)")
    try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
    let testbed = self.folder.appending(path: "tb").path()
    self.environment = ["TB": testbed, "BASE": "10.78.\(number)", "BIND": bind]
    self.manifest = self.folder.appending(path: "cluster.yaml").path()
    let text = """
      muster: 1
      name: test
      include: [\(testbed)/nodes.yaml]
      \(services)
      """
    try Data(text.utf8).write(to: URL(filePath: self.manifest))
    try self.testbed(["up", "\(hostCount)"] + options, timeout: .seconds(120))
  }

  /// Hosts count from 1.
  func address(of host: Int) -> String { "10.78.\(self.number).\(10 + host)" }

  func testbed(_ arguments: [String], timeout: Duration = .seconds(60)) throws {
    // Foundation knows of a process's end by a descriptor that it hands down; the hosts would keep
    // it open, so it is closed first.
    let closing = """
      for file in /proc/self/fd/*; do number=${file##*/}
      if [ "$number" -gt 2 ]; then eval "exec $number>&-"; fi; done; exec "$@"
      """
    let script = BuiltProgram.root.appending(path: "scripts/testbed").path()
    let program = BuiltProgram(
      executable: "/bin/bash", arguments: ["-c", closing, "testbed", script] + arguments,
      environment: self.environment)
    let ending = try program.run(timeout: timeout)
    guard ending.status == 0 else {
      throw LabCluster.LabFault(words: "testbed \(arguments): \(ending.output)\(ending.talk)")
    }
  }

  func command(_ arguments: [String]) -> BuiltProgram {
    BuiltProgram(executable: BuiltProgram.muster, arguments: arguments, folder: self.folder)
  }

  func muster(
    _ arguments: [String], timeout: Duration = .seconds(60)
  ) throws -> BuiltProgram.Ending {
    try self.command(arguments).run(timeout: timeout)
  }

  func merged() throws -> String {
    let latest = self.folder.appending(path: "runs/test/latest/merged/records.jsonl")
    return try String(contentsOf: latest, encoding: .utf8)
  }

  static func with(
    hostCount: Int, options: [String] = [], services: String = "", bind: String = "",
    _ body: (NamespaceCluster) throws -> Void
  ) throws {
    let cluster = try NamespaceCluster(
      hostCount: hostCount, options: options, services: services, bind: bind)
    defer {
      try? cluster.testbed(["down"])
      try? FileManager.default.removeItem(at: cluster.folder)
    }
    try body(cluster)
  }
}
