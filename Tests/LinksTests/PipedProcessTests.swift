import Foundation
import Glibc
import NIOCore
import NIOPosix
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

  @Test func `output comes whole, and the status of a program that ends in time`() throws {
    func run(_ script: String, _ milliseconds: CInt = 60_000) throws -> ChildProgram.Ending {
      try ChildProgram.run(
        ["sh", "-c", script], outputSizeMax: .max, timeoutMilliseconds: milliseconds)
    }
    let whole = try run("head -c 300000 /dev/zero; cat")
    #expect(whole == .init(status: 0, output: [UInt8](repeating: 0, count: 300_000)))
    #expect(try run("echo some; exit 1").status == 1)
    #expect(try run("echo some; sleep 600", 100).status == nil)
    #expect(try run("echo some; exec >&- 2>&-; sleep 600", 100).status == nil)
    #expect(throws: LinkError.self) {
      try ChildProgram.run(["/no/such/program"], timeoutMilliseconds: 1_000)
    }
  }

  /// A regular file makes no channel: in the place of the first pipe, or of the second.
  @Test(arguments: [0, 1])
  func `a child that cannot be taken over ends, and its pipes with it`(index: Int) async throws {
    let child = try PipedProcess.spawn(["sleep", "600"])
    let file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
    let broken = PipedProcess(
      process: child.process, input: child.input, output: index == 1 ? file : child.output,
      errors: index == 0 ? file : child.errors)
    let replaced = index == 1 ? child.output : child.errors
    let pipes = [child.input, child.output, child.errors].filter { $0 != replaced }
    let names = pipes.map(Self.name)
    await #expect(throws: LinkError.self) {
      let loop = MultiThreadedEventLoopGroup.singleton.next()
      _ = try await LinkPipe.process(
        broken, program: "sleep", readsScript: false,
        {
          AgentGreetingHandler(
            deadline: .distantFuture, pushDeadline: .distantFuture,
            events: AsyncStream.makeStream().continuation)
        },
        on: loop)
    }
    #expect(kill(child.process, 0) < 0)
    // The numbers may mean something else again. A channel closes on its loop, a moment later.
    while zip(pipes, names).contains(where: { Self.name(of: $0) == $1 }) {
      try Task.checkCancellation()
      await Task.yield()
    }
    Glibc.close(replaced)
  }

  private static func close(_ child: PipedProcess) {
    for descriptor in [child.input, child.output, child.errors] { Glibc.close(descriptor) }
  }

  /// Such as `pipe:[4711]`, which no other pipe is called.
  private static func name(of descriptor: CInt) -> String? {
    try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
  }
}
