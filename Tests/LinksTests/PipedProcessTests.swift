import Glibc
import SSH
import Testing

@testable import Links

@Suite(.timeLimit(.minutes(1)))
struct PipedProcessTests {
  /// How the end of a process is waited for: as here, and on a system that has no `pidfd_open`.
  private static let waits: [(String, @Sendable (PipedProcess, CInt) -> CommandEnd.Outcome)] = [
    ("pidfd", { $0.wait(timeoutMilliseconds: $1) }),
    ("none", { $0.wait(timeoutMilliseconds: $1, openDescriptor: { _ in -1 }) }),
  ]

  @Test(arguments: [0, 1])
  func `a process that does not end in time is ended`(index: Int) throws {
    let child = try PipedProcess.spawn(["sleep", "600"])
    defer { Self.close(child) }
    #expect(Self.waits[index].1(child, 50) == .signalled(name: "signal 9"))
    #expect(kill(child.process, 0) < 0)
  }

  @Test(arguments: [0, 1])
  func `a process that ends in time has its status`(index: Int) throws {
    let child = try PipedProcess.spawn(["sh", "-c", "exit 7"])
    defer { Self.close(child) }
    #expect(Self.waits[index].1(child, 60_000) == .exited(status: 7))
  }

  private static func close(_ child: PipedProcess) {
    for descriptor in [child.input, child.output, child.errors] { Glibc.close(descriptor) }
  }
}
