import FoundationEssentials
import Glibc
import OperatingSystem
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
