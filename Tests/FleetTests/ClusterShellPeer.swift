import Foundation

/// ClusterShell's own answers, from one process of Debian's python3 for any number of expressions.
enum ClusterShellPeer {
  struct Answer: Equatable {
    var folded: String
    /// In the order of `nodeset -e`.
    var expanded: [String]
  }

  private static let python = "/usr/bin/python3"

  /// Whether Debian's package is installed; python3 alone is not enough. Says so where it is not.
  static let isPossible: Bool = {
    let answer = try? Self.run(Self.python, ["-c", "import ClusterShell.NodeSet"], input: "")
    if answer?.status == 0 { return true }
    print("SKIPPED: ClusterShellTests: Debian's clustershell is not installed")
    return false
  }()

  /// One answer an expression; `nil` where ClusterShell refuses it.
  static func answers(to expressions: [String]) throws -> [Answer?] {
    let program = """
      import sys
      from ClusterShell.NodeSet import NodeSet, NodeSetException, RESOLVER_NOGROUP
      for line in sys.stdin:
          try:
              nodes = NodeSet(line.rstrip("\\n"), resolver=RESOLVER_NOGROUP)
              print(str(nodes) + "\\t" + " ".join(nodes))
          except (NodeSetException, AssertionError):
              print("refused")
      """
    let input = expressions.map { "\($0)\n" }.joined()
    let (status, output) = try Self.run(Self.python, ["-c", program], input: input)
    guard status == 0 else { throw PeerFailure(status: status) }
    return output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map { line in
      let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
      guard parts.count == 2 else { return nil }
      return Answer(
        folded: String(parts[0]), expanded: parts[1].split(separator: " ").map(String.init))
    }
  }

  /// Standard output of `nodeset`, without its last line feed.
  static func nodeset(_ arguments: [String]) throws -> String {
    let (status, output) = try Self.run("/usr/bin/nodeset", arguments, input: "")
    guard status == 0 else { throw PeerFailure(status: status) }
    return String(output.dropLast())
  }

  struct PeerFailure: Error {
    var status: Int32
  }

  /// Files instead of pipes: neither side ever waits for the other.
  static func run(
    _ program: String, _ arguments: [String], input: String
  ) throws -> (status: Int32, output: String) {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("muster-peer-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (inputFile, outputFile) = (
      folder.appendingPathComponent("in"), folder.appendingPathComponent("out")
    )
    try Data(input.utf8).write(to: inputFile)
    try Data().write(to: outputFile)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardInput = try FileHandle(forReadingFrom: inputFile)
    process.standardOutput = try FileHandle(forWritingTo: outputFile)
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    let output = try String(decoding: Data(contentsOf: outputFile), as: UTF8.self)
    return (process.terminationStatus, output)
  }
}
