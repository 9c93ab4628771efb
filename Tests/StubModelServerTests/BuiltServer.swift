import Foundation
import Glibc

/// What a test found wrong before it could check anything.
struct TestFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// The stub server that was built with these tests, run as a program of its own.
final class BuiltServer {
  enum Ending: Equatable {
    case exited(Int32)
    case killed(by: Int32)
  }

  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
  private static let program = BuiltServer.folder.deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: ".build/debug/stub-model-server").path()

  private(set) var log = ""
  private(set) var port: Int
  private let processID: pid_t
  private let talk: Int32
  private var ending: Ending?

  /// Starts `stub-model-server serve tiny`. Without a port the kernel gives one, and `port` holds it
  /// as soon as the server is ready.
  init(_ flags: String = "", port: Int = 0) throws {
    // A pair of sockets, because unlike a pipe's its ends are born closed to other programs.
    var pipe: [Int32] = [0, 0]
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &pipe) == 0 else {
      throw TestFailure("no pair of sockets: errno \(errno)")
    }
    defer { close(pipe[1]) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, pipe[1], STDERR_FILENO)
    let words =
      [Self.program, "serve", "tiny", "--host", "127.0.0.1", "--port", "\(port)"]
      + flags.split(separator: " ").map(String.init)
    var arguments = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var process: pid_t = 0
    let status = posix_spawn(&process, Self.program, &actions, nil, &arguments, environ)
    guard status == 0 else { throw TestFailure("\(Self.program): errno \(status)") }
    (self.processID, self.talk, self.port) = (process, pipe[0], port)
  }

  deinit {
    if self.ending == nil {
      kill(self.processID, SIGKILL)
      waitpid(self.processID, nil, 0)
    }
    close(self.talk)
  }

  /// A server that loads at once, when it is ready.
  static func ready(_ flags: String = "") throws -> BuiltServer {
    let server = try BuiltServer("--stub-load-seconds 0 " + flags)
    try server.waitUntilReady()
    return server
  }

  func waitUntilReady() throws {
    try self.wait(for: "Application startup complete.")
    let marker = "Starting vLLM server on http://127.0.0.1:"
    guard let start = self.log.firstRange(of: marker)?.upperBound,
      let port = Int(self.log[start...].prefix { $0.isNumber })
    else { throw TestFailure("no port in the log:\n\(self.log)") }
    self.port = port
  }

  /// Returns when the log has the words.
  func wait(for words: String) throws {
    while !self.log.contains(words) {
      guard try self.readLog() else { throw TestFailure("ended without `\(words)`:\n\(self.log)") }
    }
  }

  func send(_ number: Int32) { kill(self.processID, number) }

  /// Waits for the end; the log is then whole.
  func end() throws -> Ending {
    while try self.readLog() {}
    var status: Int32 = 0
    guard waitpid(self.processID, &status, 0) == self.processID else {
      throw TestFailure("no process to wait for: errno \(errno)")
    }
    let number = status & 0x7F
    let ending = number == 0 ? Ending.exited(status >> 8 & 0xFF) : .killed(by: number)
    self.ending = ending
    return ending
  }

  /// False at the end of the log, which is the end of the process.
  private func readLog() throws -> Bool {
    var waited = pollfd(fd: self.talk, events: Int16(POLLIN), revents: 0)
    guard poll(&waited, 1, 30_000) == 1 else { throw TestFailure("silent:\n\(self.log)") }
    var block = [UInt8](repeating: 0, count: 4096)
    let count = read(self.talk, &block, block.count)
    guard count > 0 else { return false }
    self.log += String(decoding: block[..<count], as: UTF8.self)
    return true
  }
}

extension BuiltServer {
  /// Opens a connection and sends a request on it, without waiting for the answer.
  func ask(
    _ path: String, _ body: String? = nil, headers: [String] = [],
    type: String = "application/json"
  ) throws -> Conversation {
    let talk = try Conversation(port: self.port)
    let method = body == nil ? "GET" : "POST"
    var lines = ["\(method) \(path) HTTP/1.1", "host: 127.0.0.1", "connection: close"] + headers
    if let body { lines += ["content-type: \(type)", "content-length: \(body.utf8.count)"] }
    try talk.write(lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""))
    return talk
  }

  func answer(
    _ path: String, _ body: String? = nil, headers: [String] = [],
    type: String = "application/json"
  ) throws -> HTTPAnswer {
    try self.ask(path, body, headers: headers, type: type).answer()
  }

  func inject(_ fault: String) throws {
    let answer = try self.answer("/stub/fault", #"{"kind":"\#(fault)"}"#)
    guard answer.status == 200 else { throw TestFailure("\(fault): \(answer.body)") }
  }

  func metrics() throws -> MetricsPage {
    try MetricsPage(self.answer("/metrics").body)
  }

  /// Scrapes until the page is as wanted: for gauges, whose moves send no event.
  func metrics(until isWanted: (MetricsPage) -> Bool) throws -> MetricsPage {
    let deadline = ContinuousClock.now.advanced(by: .seconds(20))
    while ContinuousClock.now < deadline {
      let page = try self.metrics()
      if isWanted(page) { return page }
      sched_yield()
    }
    throw TestFailure("never so within 20 s:\n\(try self.answer("/metrics").body)")
  }
}
