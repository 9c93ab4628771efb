import Foundation
import Glibc
import OperatingSystem
import SSH
import Testing

@testable import Links

/// Programs that the tests run, and whether they are there.
enum TestPrograms {
  static let sshd = "/usr/sbin/sshd"
  static var hasSSHD: Bool { FileManager.default.isExecutableFile(atPath: Self.sshd) }

  static func has(_ name: String) -> Bool {
    ["/usr/bin", "/bin", "/usr/local/bin"].contains {
      FileManager.default.isExecutableFile(atPath: "\($0)/\(name)")
    }
  }

  /// Whether mounts of the test's own can be made, in a namespace of their own.
  static let canMount =
    getuid() == 0
    && (try? Self.run(["unshare", "--mount", "--propagation", "private", "true"])) != nil

  /// Runs a program to its end; its standard output.
  @discardableResult
  static func run(_ argv: [String]) throws -> String {
    let child = try PipedProcess.spawn(argv)
    close(child.input)
    defer {
      close(child.output)
      close(child.errors)
    }
    var bytes: [UInt8] = []
    while case let piece = try PlainFile.piece(of: child.output, named: "a pipe", sizeMax: 65_536),
      !piece.isEmpty
    {
      bytes += piece
    }
    let outcome = child.wait(timeoutMilliseconds: 60_000)
    try #require(outcome == .exited(status: 0), "\(argv): \(outcome)")
    return String(decoding: bytes, as: UTF8.self)
  }

  /// For all tests of this process; goes with it.
  static let folder: String = {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("muster-links-tests-\(getpid())").path
    mkdir(path, 0o700)
    // Agents that are started in place keep their state here, not in the home of who tests.
    setenv("XDG_STATE_HOME", "\(path)/state", 1)
    atexit { try? FileManager.default.removeItem(atPath: TestPrograms.folder) }
    return path
  }()

  /// The built program without its symbols, which would take long to push.
  static let agent = Result {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let built = URL(fileURLWithPath: own).deletingLastPathComponent()
      .appendingPathComponent("muster-node").path
    let stripped = "\(Self.folder)/muster-node"
    try Self.run(["strip", "-o", stripped, built])
    return try AgentImage(path: stripped, cacheFolder: "\(Self.folder)/cache")
  }
}

/// A folder that goes with the test.
final class ScratchFolder {
  let path: String

  init() throws {
    self.path =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("muster-links-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(
      atPath: self.path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  func write(_ text: String, to name: String) throws {
    try text.write(toFile: "\(self.path)/\(name)", atomically: false, encoding: .utf8)
  }

  /// Written by another process: a child that is just being started by some other test would hold
  /// this one's descriptor for a moment, and the program would be busy.
  func writeProgram(_ text: String, to name: String) throws {
    try self.write(text, to: "\(name).text")
    try TestPrograms.run([
      "install", "-m", "700", "\(self.path)/\(name).text", "\(self.path)/\(name)",
    ])
  }

  deinit { try? FileManager.default.removeItem(atPath: self.path) }
}
