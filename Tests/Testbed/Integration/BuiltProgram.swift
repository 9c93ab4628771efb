import Foundation
import Synchronization

/// Runs the programs of this checkout as a user would, and keeps what they print.
struct BuiltProgram {
  struct Ending: Sendable {
    var status: Int32
    var output: String
    var talk: String
    var elapsed: Duration
  }

  /// The checkout.
  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The folder of the programs that were built with these tests.
  static let products = Self.root.appending(path: ".build/debug")

  static var muster: String { Self.products.appending(path: "muster").path() }

  let executable: String
  let arguments: [String]
  var environment: [String: String] = [:]
  var folder: URL = BuiltProgram.root

  /// Starts the program and waits for its end, at most `timeout`; one that takes longer is killed
  /// and its status is that of the signal.
  func run(timeout: Duration = .seconds(60)) throws -> Ending {
    let running = try self.start()
    return running.end(timeout: timeout)
  }

  func start() throws -> RunningProgram {
    let process = Process()
    process.executableURL = URL(filePath: self.executable)
    process.arguments = self.arguments
    process.currentDirectoryURL = self.folder
    var environment = ProcessInfo.processInfo.environment
    environment["NO_COLOR"] = "1"
    for (name, value) in self.environment { environment[name] = value }
    process.environment = environment
    process.standardInput = FileHandle.nullDevice
    let (output, talk) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = talk
    let began = ContinuousClock.now
    // `waitUntilExit` asks again and again, and takes a core for it.
    let ended = DispatchSemaphore(value: 0)
    process.terminationHandler = { _ in ended.signal() }
    try process.run()
    return RunningProgram(
      process: process, ended: ended, output: Drain(output), talk: Drain(talk), began: began)
  }
}

/// A program that has been started; `end(timeout:)` collects it.
final class RunningProgram: Sendable {
  private let process: Process
  private let ended: DispatchSemaphore
  private let output: Drain
  private let talk: Drain
  private let began: ContinuousClock.Instant

  init(
    process: Process, ended: DispatchSemaphore, output: Drain, talk: Drain,
    began: ContinuousClock.Instant
  ) {
    self.process = process
    self.ended = ended
    self.output = output
    self.talk = talk
    self.began = began
  }

  var processID: Int32 { self.process.processIdentifier }
  var isRunning: Bool { self.process.isRunning }
  var talkSoFar: String { self.talk.text }

  func send(_ signal: Int32) {
    kill(self.processID, signal)
  }

  func end(timeout: Duration) -> BuiltProgram.Ending {
    let seconds = Double(timeout.components.seconds)
    if self.ended.wait(timeout: .now() + seconds) == .timedOut {
      self.send(SIGKILL)
      self.ended.wait()
    }
    // For whoever asks again.
    self.ended.signal()
    let isSignal = self.process.terminationReason == .uncaughtSignal
    return BuiltProgram.Ending(
      status: isSignal ? 128 + self.process.terminationStatus : self.process.terminationStatus,
      output: self.output.end(), talk: self.talk.end(),
      elapsed: self.began.duration(to: .now))
  }
}

/// Reads a pipe to its end on a thread of its own, so that a program never waits for its reader.
final class Drain: Sendable {
  private let bytes = Mutex(Data())
  private let ended = DispatchSemaphore(value: 0)

  init(_ pipe: Pipe) {
    let reader = pipe.fileHandleForReading
    Thread.detachNewThread {
      while case let data = reader.availableData, !data.isEmpty {
        self.bytes.withLock { $0.append(data) }
      }
      self.ended.signal()
    }
  }

  var text: String { self.bytes.withLock { String(decoding: $0, as: UTF8.self) } }

  /// All of it. A grandchild that keeps the pipe open is not waited for longer than 2 s.
  func end() -> String {
    _ = self.ended.wait(timeout: .now() + 2)
    return self.text
  }
}
