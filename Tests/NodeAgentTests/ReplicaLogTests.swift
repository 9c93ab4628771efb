import Foundation
import Glibc
import OperatingSystem
import Testing

@testable import NodeAgent

struct ReplicaLogTests {
  /// A folder of its own for the length of `body`.
  private static func withLog(_ body: (_ folder: String, _ log: String) throws -> Void) throws {
    let folder = try TestAgent().folder
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder, "\(folder)/output.log")
  }

  private static func append(_ text: String, to path: String) throws {
    let file = open(path, O_CREAT | O_WRONLY | O_APPEND, 0o600)
    defer { close(file) }
    try PlainFile.write(Array(text.utf8), to: file, named: path)
  }

  private static func text(_ path: String) throws -> String {
    String(decoding: try PlainFile.read(path, sizeMax: 1 << 30), as: UTF8.self)
  }

  /// Whether the file system of a test's folder can take a file's beginning out.
  static let cutsInOneStep: Bool = {
    var isCut = false
    try? Self.withLog { _, path in
      try Self.append(String(repeating: "x", count: 2 << 20), to: path)
      _ = try ReplicaLog(path: path).rotate(sizeMax: 1 << 20)
      isCut = LogEnd.size(of: path) == 1 << 20
    }
    return isCut
  }()

  /// 100 lines of 9 or so bytes are less than what can be taken out in one step.
  @Test func `a log that grows too large is put aside, and nothing of it is lost`() throws {
    try Self.withLog { folder, path in
      let log = ReplicaLog(path: path)
      var tail = LogTail(of: log)
      var lines: [String] = []
      for round in 0..<6 {
        for line in 0..<100 { try Self.append("\(round) \(line)\n", to: path) }
        lines += tail.newLines()
        let cutSize = try log.rotate(sizeMax: 400)
        #expect(cutSize > 400)
        #expect(try log.rotate(sizeMax: 400) == 0)
      }
      #expect(lines == (0..<6).flatMap { round in (0..<100).map { "\(round) \($0)" } })
      let names = try PlainFile.names(in: folder)
      #expect(
        names == ["output.1.log", "output.2.log", "output.3.log", "output.4.log", "output.log"])
      let newest = try Self.text("\(folder)/output.1.log")
      #expect(newest.hasPrefix("5 0\n") && newest.hasSuffix("5 99\n"))
    }
  }

  @Test func `who follows a log reads each line once, though its beginning is taken out`() throws {
    try Self.withLog { _, path in
      let log = ReplicaLog(path: path)
      var tail = LogTail(of: log)
      var (tailed, followed, written) = ([String](), "", "")
      var position: off_t = 0
      for round in 0..<5 {
        let text = (0..<15_000).map {
          "round \(round) line \($0) \(String(repeating: "x", count: 80))\n"
        }
        .joined()
        written += text
        try Self.append(text, to: path)
        while case let lines = tail.newLines(), !lines.isEmpty { tailed += lines }
        while let (start, bytes) = log.read(from: position, sizeMax: 300_000), !bytes.isEmpty {
          #expect(start == position)
          followed += String(decoding: bytes, as: UTF8.self)
          position = start + off_t(bytes.count)
        }
        let cutSize = try log.rotate(sizeMax: 1 << 20)
        #expect(cutSize >= 1 << 20)
      }
      #expect(followed == written)
      #expect(tailed.joined(separator: "\n") + "\n" == written)
      #expect(log.end(lineCount: 0)?.end == off_t(written.utf8.count))
      // A person empties it.
      #expect(truncate(path, 0) == 0)
      try Self.append("anew\n", to: path)
      #expect(log.read(from: position, sizeMax: 100)?.bytes == Array("anew\n".utf8))
    }
  }

  @Test(.enabled(if: cutsInOneStep, "SKIPPED: the file system cannot take a file's beginning out"))
  func `a process that writes as fast as it can loses no line`() throws {
    try Self.withLog { _, path in
      try Self.append("", to: path)
      let count = 150_000
      let padding = String(repeating: "x", count: 90)
      var writer = ChildProcess(
        program: "/bin/sh",
        argv: [
          "sh", "-c", "i=0; while [ $i -lt \(count) ]; do echo \"$i \(padding)\"; i=$((i+1)); done",
        ],
        environment: [:])
      let end = try PlainFile.openEnd(of: path)
      writer.output = end
      let processID = try writer.spawn()
      close(end)
      let log = ReplicaLog(path: path)
      var (text, cutCount) = ("", 0)
      while true {
        let hasEnded = waitpid(processID, nil, WNOHANG) != 0
        if try log.rotate(sizeMax: 2 << 20) > 0 {
          cutCount += 1
          text += try Self.text("\(path.dropLast(".log".count)).1.log")
        }
        if hasEnded { break }
      }
      text += try Self.text(path)
      #expect(cutCount >= 3)
      let numbers = text.split(separator: "\n").map { Int($0.prefix { $0 != " " }) ?? -1 }
      #expect(numbers == Array(0..<count))
    }
  }
}
