import Dispatch
import FoundationEssentials
import Glibc
import OperatingSystem
import Synchronization
import Testing

@testable import NodeAgent

/// The small files of an agent, under others' hands.
@Suite struct PlainFileTests {
  @Test func `folders are made even while others remove them`() async throws {
    let folder = try TestAgent().folder
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await withThrowingTaskGroup { tasks in
      for name in ["a", "b"] {
        tasks.addTask {
          for _ in 0..<2000 {
            try PlainFile.makeFolders("\(folder)/run/\(name)")
            rmdir("\(folder)/run/\(name)")
            rmdir("\(folder)/run")
          }
        }
      }
      try await tasks.waitForAll()
    }
  }

  @Test func `a pipe that wants not to wait takes all the same`() throws {
    let (reading, writing) = try SystemFault.checkedPipe()
    _ = fcntl(writing, F_SETFL, O_NONBLOCK)
    let bytes = [UInt8](repeating: 7, count: 1 << 20)
    let read = Mutex<[UInt8]>([])
    let isRead = DispatchSemaphore(value: 0)
    DispatchQueue.global().async {
      read.withLock { $0 = (try? PlainFile.read(reading, named: "", sizeMax: 2 << 20)) ?? [] }
      close(reading)
      isRead.signal()
    }
    try PlainFile.write(bytes, to: writing, named: "a pipe")
    close(writing)
    isRead.wait()
    #expect(read.withLock { $0 } == bytes)
  }

  @Test func `how somebody else's process ends is not known, and no success`() {
    #expect(WaitStatus.of(getppid()) == .exited(-1))
  }

  @Test func `a file is published by many at once, and each of them succeeds`() async throws {
    let folder = try TestAgent().folder
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await withThrowingTaskGroup { tasks in
      for number in 0..<8 {
        tasks.addTask {
          for _ in 0..<200 {
            try PlainFile.publish(Array("\(number)\n".utf8), at: "\(folder)/holder")
          }
        }
      }
      try await tasks.waitForAll()
    }
    #expect(try PlainFile.names(in: folder) == ["holder"])
    #expect(try PlainFile.read("\(folder)/holder", sizeMax: 100).count == 2)
  }
}
