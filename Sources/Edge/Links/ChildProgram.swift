import Glibc
import SSH

/// A program on the coordinator's machine that is run to its end, with a deadline.
package enum ChildProgram {
  /// Of what it prints; more is read and left out.
  private static let outputSizeMax = 64 << 10
  /// A pipe's capacity (pipe(7)): so much is written at once, whether or not it is read.
  package static let inputSizeMax = 64 << 10

  package struct Ending: Equatable, Sendable {
    /// `nil`: a signal ended it, ours at the deadline or another.
    package var status: CInt?
    /// Both its streams, in the order in which they came.
    package var output: [UInt8]
  }

  /// Runs the program and waits for its end; one that takes longer is killed with its group. Blocks.
  ///
  /// - Parameters:
  ///   - argv: Its program is looked up in PATH where it has no slash.
  ///   - input: At most ``inputSizeMax`` bytes for its standard input.
  ///   - environment: Beside the coordinator's own, or in place of it.
  /// - Throws: `LinkError.programNotStarted`.
  package static func run(
    _ argv: [String], input: [UInt8] = [], environment: [String: String] = [:],
    timeoutMilliseconds: CInt
  ) throws(LinkError) -> Ending {
    precondition(input.count <= Self.inputSizeMax, "\(input.count) bytes do not fit in a pipe")
    let assignments = environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    // `env` rather than an environment block of our own: it finds the program as the shell does.
    let words = assignments.isEmpty ? argv : ["env"] + assignments + argv
    let child = try PipedProcess.spawn(words)
    // A program that does not read may be gone already: SIGPIPE is ignored here.
    _ = input.withUnsafeBytes { write(child.input, $0.baseAddress, $0.count) }
    close(child.input)
    let deadline = PipedProcess.monotonicMilliseconds + Int(timeoutMilliseconds)
    let output = PipedProcess.read(
      [child.output, child.errors], sizeMax: Self.outputSizeMax, until: deadline
    ).bytes
    for descriptor in [child.output, child.errors] { close(descriptor) }
    let left = max(deadline - PipedProcess.monotonicMilliseconds, 0)
    switch child.wait(timeoutMilliseconds: CInt(left)) {
    case .exited(let status): return Ending(status: status, output: output)
    case .abandoned, .signalled, .lost: return Ending(status: nil, output: output)
    }
  }
}
