import GRPCCore
import Glibc
import Health
import NodeAPI
import OperatingSystem
import Synchronization
import Testing

@testable import NodeAgent

@Suite
struct `Logs of a replica` {
  private static func text(
    _ node: TestAgent.Client, lines: UInt32, follow: Bool,
    until wanted: @Sendable @escaping (String) throws -> Bool = { _ in false }
  ) async throws -> String {
    var request = Muster_V1_LogsRequest()
    request.service = "job"
    request.lastLines = lines
    request.follow = follow
    var options = CallOptions.defaults
    options.timeout = .seconds(40)
    return try await node.logs(request, options: options) { response in
      var text = ""
      for try await chunk in response.messages {
        text += String(decoding: chunk.data, as: UTF8.self)
        if try wanted(text) { break }
      }
      return text
    }
  }

  @Test func `the last lines, what is added, and the end with the replica`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { node in
      let script = """
        for i in 1 2 3 4 5; do echo line $i; done
        while [ ! -e \(agent.folder)/go ]; do sleep 0.05; done
        echo more
        while [ ! -e \(agent.folder)/end ]; do sleep 0.05; done
        printf 'no line feed'
        """
      _ = try await node.start(.init("job", script: script)) { $0.state == .ready }
      #expect(try await Self.text(node, lines: 2, follow: false) == "line 4\nline 5\n")
      #expect(try await Self.text(node, lines: 0, follow: false) == "")
      #expect(try await Self.text(node, lines: 99, follow: false).hasPrefix("line 1\n"))
      let followed = try await Self.text(node, lines: 1, follow: true) { text in
        if text.contains("line 5") { try agent.touch("go") }
        return text.contains("more\n")
      }
      #expect(followed == "line 5\nmore\n")
      // To the end: the stream ends with the replica.
      try agent.touch("end")
      let whole = try await Self.text(node, lines: 1000, follow: true)
      #expect(whole.hasSuffix("line 5\nmore\nno line feed"))
      let failed = try await node.wait(for: "job") { $0.state == .failed }
      #expect(failed.lastLogLines.suffix(2) == ["more", "no line feed"])
    }
  }

  @Test func `a tail gives whole lines, and cuts those without an end`() throws {
    let path = "/tmp/muster-tail-\(getpid())"
    defer { unlink(path) }
    var tail = LogTail(of: ReplicaLog(path: path))
    #expect(tail.newLines() == [])
    try PlainFile.publish(Array("one\ntw".utf8), at: path)
    #expect(tail.newLines() == ["one"])
    try PlainFile.publish(Array("one\ntwo\n\nthree\n".utf8), at: path)
    #expect(tail.newLines() == ["two", "", "three"])
    let long = String(repeating: "x", count: 20_000)
    try PlainFile.publish(Array("one\ntwo\n\nthree\n\(long)".utf8), at: path)
    #expect(tail.newLines() == [long])
  }

  @Test func `of a progress bar the last words are kept, and no carriage return`() throws {
    let path = "/tmp/muster-bar-\(getpid())"
    defer { unlink(path) }
    let bar = (1...900).map { "\rloading \($0)" }.joined()
    try PlainFile.publish(Array("\(bar)\nValueError: x\r\n\r\n".utf8), at: path)
    #expect(LogEnd.lines(of: path, count: 3) == ["loading 900", "ValueError: x", ""])
    var tail = LogTail(of: ReplicaLog(path: path))
    let lines = tail.newLines()
    #expect(lines.count == 901 && lines.prefix(2) == ["loading 1", "loading 2"])
    #expect(lines.last == "ValueError: x")
  }

  @Test(arguments: [(0, ""), (1, "c"), (2, "b\nc"), (3, "a\nb\nc"), (9, "a\nb\nc")])
  func `the end of a log is counted in lines`(count: Int, text: String) throws {
    for ending in ["", "\n"] {
      let path = "/tmp/muster-end-\(getpid())-\(count)-\(ending.count)"
      defer { unlink(path) }
      try PlainFile.publish(Array("a\nb\nc\(ending)".utf8), at: path)
      let start = try #require(LogEnd.start(of: path, lineCount: count))
      let bytes = LogEnd.read(path, from: start.offset, sizeMax: 100) ?? []
      #expect(String(decoding: bytes, as: UTF8.self) == (count == 0 ? "" : text + ending))
      #expect(LogEnd.lines(of: path, count: count).joined(separator: "\n") == text)
    }
  }

  @Test func `the error that a traceback points back to is shown above the last lines`() throws {
    let path = "/tmp/muster-cause-\(getpid())"
    defer { unlink(path) }
    let above = ["(API) INFO no cause: ValueError: x", "(API) WARNING OSError: busy"]
    let cause = "ValueError: Available memory is less than requested"
    let frames = (0..<60).map { "  File \"a.py\", line \($0)" }
    let end = "RuntimeError: Engine core initialization failed. See root cause above."
    let log = above + ["(Worker pid=7) ERROR 11-27 20:55:00 [cpu.py:9] \(cause)"] + frames + [end]
    try PlainFile.publish(Array((log.joined(separator: "\n") + "\n").utf8), at: path)
    let shown = LogEnd.explanation(of: path, count: 5)
    #expect(shown == [cause, "…"] + log.suffix(3))
    try PlainFile.publish(Array("one\ntwo\n\(end)\n".utf8), at: path)
    #expect(LogEnd.explanation(of: path, count: 5) == [end, "…", "one", "two"])
  }
}
