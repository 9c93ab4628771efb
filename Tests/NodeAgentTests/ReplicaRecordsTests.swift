import Foundation
import Health
import Launch
import OperatingSystem
import Testing

@testable import NodeAgent

/// What a daemon leaves to the next one.
@Suite struct ReplicaRecordsTests {
  @Test func `ten attempts are kept, and the eleventh takes the place of the first`() throws {
    let folder = ReplicaFolder("/tmp/muster-attempts-\(getpid())")
    defer { try? FileManager.default.removeItem(atPath: folder.path) }
    func kept() throws -> [Int] {
      try PlainFile.names(in: folder.path).filter { $0 != "latest" }
        .compactMap { Int($0.dropFirst("attempt-".count)) }.sorted()
    }
    for attempt in 1...10 { try folder.prepareLog(ofAttempt: attempt) }
    #expect(try kept() == Array(1...10))
    try folder.prepareLog(ofAttempt: 11)
    #expect(try kept() == Array(2...11))
    let latest = try FileManager.default.destinationOfSymbolicLink(atPath: "\(folder.path)/latest")
    #expect(latest == "attempt-11")
  }

  @Test func `a status survives its file`() throws {
    let path = "/tmp/muster-status-\(getpid())"
    defer { unlink(path) }
    var status = ReplicaStatus(key: ReplicaKey(service: "job", index: 0), state: .failed)
    status.lastLogLines = Array(repeating: String(repeating: "\u{1}", count: 2048), count: 20)
    status.end = .exited(status: 3)
    try status.publish(at: path)
    #expect(ReplicaStatus.read(at: path) == status)
  }

  @Test func `a record of a process survives its file`() throws {
    let path = "/tmp/muster-record-\(getpid())"
    defer { unlink(path) }
    #expect(ProcessRecord.read(at: path) == nil)
    let start = ProcessRecord.Start(
      bootID: "b-1", holder: .init(processID: 3, startTicks: 4),
      main: .init(processID: 5, startTicks: 6))
    let records: [ProcessRecord] = [
      .launching, .launchFailed("cannot start `x`: No such file"), .launched(start, end: nil),
      .launched(start, end: .exited(status: 0)), .launched(start, end: .signalled(9)),
    ]
    for record in records {
      try record.publish(at: path)
      #expect(ProcessRecord.read(at: path) == record)
    }
    try PlainFile.publish(Array("{}".utf8), at: path)
    #expect(ProcessRecord.read(at: path) == nil)
  }
}
