import Foundation
import Testing

/// A lab of real sshd hosts of its own, a manifest that uses them, and the stub model server as its
/// service; gone when the test ends.
final class LabCluster: Sendable {
  let folder: URL
  let manifest: String
  /// Of the manifest; of no other cluster's, since all have one home and are found there by name.
  let name = "test-\(UInt32.random(in: 0..<UInt32.max))"
  private let labName: String

  /// Of all hosts of all clusters of these tests; nothing that the user does at a login is done there.
  static let home: String = {
    let path = "\(NSTemporaryDirectory())/muster-test-home-\(getpid())"
    mkdir(path, 0o700)
    atexit { try? FileManager.default.removeItem(atPath: LabCluster.home) }
    return path
  }()

  static var sshdIsHere: Bool { FileManager.default.isExecutableFile(atPath: "/usr/sbin/sshd") }

  /// - Parameters:
  ///   - hostCount: 1 to 8.
  ///   - services: The `services:` part of the manifest, indented by two; the default is one stub
  ///     model server on every node.
  ///   - labName: Of the lab's folder; plain between single quotes in YAML.
  init(
    hostCount: Int, services: String = LabCluster.stubService, labName: String = ".lab"
  ) throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "muster-test-\(UInt64.random(in: 0..<UInt64.max))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    self.folder = folder
    self.labName = labName
    self.manifest = folder.appending(path: "cluster.yaml").path()
    let text = """
      muster: 1
      name: \(self.name)
      include: ['\(labName)/nodes.yaml']
      services:
      \(services)
      """
    try Data(text.utf8).write(to: URL(filePath: self.manifest))
    let up = try BuiltProgram(
      executable: BuiltProgram.muster,
      arguments: ["lab", "up", "\(hostCount)", "--folder", self.labFolder],
      environment: ["HOME": Self.home]
    ).run()
    guard up.status == 0 else { throw LabFault(words: up.talk) }
  }

  struct LabFault: Error {
    var words: String
  }

  var labFolder: String {
    self.folder.appending(path: self.labName).path(percentEncoded: false)
  }

  static var stubService: String {
    """
      policy:
        recipe: vllm
        executable: \(BuiltProgram.products.appending(path: "stub-model-server").path())
        model: tiny
        port: \(Int.random(in: 20000..<30000))
    """
  }

  func command(_ arguments: [String]) -> BuiltProgram {
    BuiltProgram(executable: BuiltProgram.muster, arguments: arguments, folder: self.folder)
  }

  func muster(
    _ arguments: [String], timeout: Duration = .seconds(60)
  ) throws -> BuiltProgram.Ending {
    try self.command(arguments).run(timeout: timeout)
  }

  /// What `muster simulate` prints for the same work: the bytes that a merged file must have.
  func simulated(_ arguments: [String]) throws -> String {
    let ending = try self.muster(["simulate", "--format", "jsonl"] + arguments)
    guard ending.status == 0 else { throw LabFault(words: ending.talk) }
    return ending.output
  }

  /// The run folders of the manifest, oldest first.
  func runs() throws -> [URL] {
    let runs = self.folder.appending(path: "runs/\(self.name)")
    guard FileManager.default.fileExists(atPath: runs.path) else { return [] }
    return try FileManager.default.contentsOfDirectory(at: runs, includingPropertiesForKeys: nil)
      .filter { $0.lastPathComponent != "latest" }
      .sorted { $0.lastPathComponent < $1.lastPathComponent }
  }

  func merged(_ run: URL) throws -> String {
    try String(contentsOf: run.appending(path: "merged/records.jsonl"), encoding: .utf8)
  }

  /// Stops everything and removes the folder.
  func end() throws {
    _ = try? self.muster(["down", self.manifest])
    _ = try self.muster(["lab", "down", "--folder", self.labFolder])
    try FileManager.default.removeItem(at: self.folder)
  }

  /// A cluster for the length of `body`.
  static func with(
    hostCount: Int, services: String = LabCluster.stubService,
    _ body: (LabCluster) throws -> Void
  ) throws {
    let cluster = try LabCluster(hostCount: hostCount, services: services)
    defer { try? cluster.end() }
    try body(cluster)
  }
}
