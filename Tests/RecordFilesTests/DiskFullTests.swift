import Glibc
import OperatingSystem
import RecordFiles
import Rollouts
import Testing

struct DiskFullTests {
  private static func batch(_ sequence: UInt64, size: Int) -> RecordBatch {
    RecordBatch(
      BatchHeader(sequence: sequence, leaseID: 1, attempt: 1, items: [sequence..<sequence + 1]),
      lines: [UInt8](repeating: 0x20, count: size - 1) + [0x0A])
  }

  @Test(.enabled(if: geteuid() == 0, "mounts a small disk: needs root"))
  func `a full disk keeps what was synced and accepts nothing more`() async throws {
    let folder = ScratchFolder()
    try #require(mount("muster-test", folder.path, "tmpfs", 0, "size=1m") == 0)
    defer { umount2(folder.path, CInt(MNT_DETACH)) }
    let path = "\(folder.path)/records"
    let file = try RecordFile(path: path)
    try await file.append([Self.batch(1, size: 100_000)])
    try await file.sync()
    try await file.append([Self.batch(2, size: 100_000)])
    let full = SystemFault("write", path, code: ENOSPC)
    await #expect(throws: full) {
      try await file.append([Self.batch(3, size: 2_000_000)])
    }
    await #expect(throws: full) {
      try await file.append([Self.batch(3, size: 10)])
    }
    await #expect(throws: full) { try await file.sync() }
    let again = try RecordFile(path: path)
    #expect(access("\(path).corrupt-1", F_OK) != 0)
    #expect(try await again.batches(after: 0) == [Self.batch(1, size: 100_000)])
  }
}
