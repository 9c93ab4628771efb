import Health
import Launch
import Synchronization
import Testing

@testable import NodeAgent

@Suite(.timeLimit(.minutes(1)))
struct SupervisorTests {
  private struct Words: Error, CustomStringConvertible {
    var description: String
  }

  /// A disk that is full at first, and a machine that starts nothing.
  private final class Ground: ReplicaGround {
    let clock = ContinuousClock()
    private let isFull: Bool

    init(isFull: Bool) { self.isFull = isFull }

    func prepare() async throws {
      if self.isFull { throw Words(description: "no space left") }
    }

    func rest(quietUntil quiet: ContinuousClock.Instant?) async { await Task.yield() }

    func launch(attempt: Int) async throws -> HostAttempt<ContinuousClock> {
      throw Words(description: "launched")
    }

    func logPath(ofAttempt attempt: Int) -> String { "" }

    func logEnd(ofAttempt attempt: Int) async -> [String] { [] }

    func redact(_ text: String) -> String { text }

    func publish(_ status: ReplicaStatus) async {}
  }

  @Test func `what could not be prepared can be stopped, and started again`() async throws {
    let isFull = Mutex(true)
    let supervisor = Supervisor(
      context: .init(
        wallClockMilliseconds: { 1 }, board: StatusBoard(),
        events: EventLog(path: "/dev/null", wallClockMilliseconds: { 1 }))
    ) { _, _, _ in
      Ground(
        isFull: isFull.withLock { isFull in
          defer { isFull = false }
          return isFull
        })
    }
    let replica = ReplicaSpecification("job", script: "")
    try await withThrowingDiscardingTaskGroup { tasks in
      tasks.addTask { await supervisor.run() }
      await #expect(throws: Words.self) {
        try await supervisor.start([replica], secrets: [:], by: 1)
      }
      let remains = await supervisor.stop(StopOrder())
      #expect(remains == ReplicaRemains() && !Task.isCancelled)
      try await supervisor.start([replica], secrets: [:], by: 1)
      let board = supervisor.board
      for await _ in board.bell.rings() where supervisor.run(of: replica.key)?.isOver != false {
        break
      }
      #expect(board.status(of: replica.key)?.reason.contains("launched") == true)
      tasks.cancelAll()
    }
  }
}
