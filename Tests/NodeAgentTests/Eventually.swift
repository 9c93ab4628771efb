import Glibc
import OperatingSystem

@testable import NodeAgent

/// Waits for something that sends no event, such as the end of a process that is not our child.
///
/// - Throws: `TestFailure` after 20 s.
func eventually(_ condition: () async throws -> Bool) async throws {
  let clock = ContinuousClock()
  let deadline = clock.now.advanced(by: .seconds(20))
  while try await !condition() {
    if clock.now > deadline { throw TestFailure("it did not come true within 20 s") }
    try await clock.sleep(for: .milliseconds(10))
  }
}

extension TestAgent {
  /// Makes an empty file in the test's folder, for which a script waits.
  func touch(_ name: String) throws {
    try PlainFile.publish([], at: "\(self.folder)/\(name)")
  }

  /// What a command of the shell prints.
  func shell(_ command: String) -> String {
    guard let pipe = popen(command, "r") else { return "" }
    defer { pclose(pipe) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = fread(&block, 1, block.count, pipe)
      if count == 0 { break }
      bytes += block[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
