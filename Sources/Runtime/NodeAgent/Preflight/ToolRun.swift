import Glibc
import OperatingSystem

/// Runs a program of the node that only tells something, and keeps what it says.
struct ToolRun: Sendable {
  enum Outcome: Equatable, Sendable {
    /// It is not in PATH.
    case absent
    /// What it wrote to both streams, and its exit status; 128 and more for a signal.
    case ended(status: Int, output: String)
    /// It was killed when its time was over.
    case hung
    /// Why it could not be started.
    case notStarted(String)
  }

  /// A GPU's driver that works answers within 3 s even where it is loaded anew for each question.
  static let timeout = Duration.seconds(10)
  /// More than `dmesg` has: kernel logs are at most some MiB.
  private static let outputSizeMax = 16 << 20

  let argv: [String]
  let environment: [String: String]

  func outcome(clock: some Clock<Duration>) async -> Outcome {
    guard
      let program = try? ProgramSearch.path(
        of: self.argv[0], searching: self.environment["PATH"] ?? "")
    else { return .absent }
    guard let ends = try? SystemFault.checkedPipe() else { return .notStarted("no pipe") }
    defer { for end in [ends.reading, ends.writing] { close(end) } }
    _ = fcntl(ends.reading, F_SETFL, O_NONBLOCK)
    var child = ChildProcess(program: program, argv: self.argv, environment: self.environment)
    child.output = ends.writing
    var bytes: [UInt8] = []
    do throws(SystemFault) {
      let status = try await child.end(within: Self.timeout, clock: clock) {
        Self.drain(ends.reading, into: &bytes)
      }
      guard let status else { return .hung }
      return .ended(status: status.code, output: String(decoding: bytes, as: UTF8.self))
    } catch {
      return .notStarted("\(error)")
    }
  }

  private static func drain(_ output: CInt, into bytes: inout [UInt8]) {
    var block = [UInt8](repeating: 0, count: 64 << 10)
    while bytes.count < Self.outputSizeMax {
      let count = read(output, &block, block.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      bytes += block[..<count]
    }
  }
}

/// A blocking call that is waited for only so long: one on a network mount whose server is gone may
/// never return.
enum BoundedCall {
  private final class Job: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Runs `body` on a thread of its own, which is left to itself when the time is over.
  ///
  /// - Returns: `nil` when it was not done within `limit`, or there is no thread to be had.
  static func run<Value: Sendable>(
    within limit: Duration, clock: some Clock<Duration>, _ body: @escaping @Sendable () -> Value
  ) async -> Value? {
    let (values, feed) = AsyncStream.makeStream(of: Value.self)
    let job = Unmanaged.passRetained(
      Job {
        feed.yield(body())
        feed.finish()
      })
    var thread = pthread_t()
    let status = pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().body() }
        return nil
      }, job.toOpaque())
    guard status == 0 else {
      job.release()
      return nil
    }
    pthread_detach(thread)
    return await withTaskGroup(of: Value?.self) { tasks in
      tasks.addTask {
        for await value in values { return value }
        return nil
      }
      tasks.addTask {
        try? await clock.sleep(for: limit)
        return nil
      }
      defer { tasks.cancelAll() }
      return await tasks.next() ?? nil
    }
  }
}
