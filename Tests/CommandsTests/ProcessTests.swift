import Foundation
import Testing

@testable import Commands

/// What a command does to its process, each in one of its own.
struct ProcessTests {
  @Test func `output that a full disk does not take is an error`() async {
    await #expect(processExitsWith: .exitCode(2)) {
      dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO)
      StandardStreams.data("a record\n")
    }
  }

  @Test func `after what it interrupts a signal ends the process again`() async {
    await #expect(processExitsWith: .signal(SIGTERM)) {
      try await Interruption.guarding(hint: "") {}
      kill(getpid(), SIGTERM)
      poll(nil, 0, 10_000)
    }
  }

  @Test func `a number of lines below 0 is a wrong command line`() async {
    #expect(await Muster.status(of: ["logs", "eval.yaml", "policy", "--lines=-1"]) == 64)
  }
}
