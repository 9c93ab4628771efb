import Glibc
import OperatingSystem
import RecordFiles
import Rollouts
import Testing

struct RecordFileTests {
  private let folder = ScratchFolder()
  private var path: String { "\(self.folder.path)/records" }

  private static func batch(
    _ sequence: UInt64, count: Int = 2, kind: RecordLine.Kind = .result
  ) -> RecordBatch {
    let first = sequence * 10
    let lines = (0..<UInt64(count)).map {
      #"{"task_index":\#(first + $0),"rollout_index":0,"seed":1}"# + "\n"
    }
    return RecordBatch(
      BatchHeader(
        sequence: sequence, leaseID: 1, attempt: 1, kind: kind,
        items: [first..<first + UInt64(count)]),
      lines: Array(lines.joined().utf8))
  }

  private func content() throws -> [UInt8] {
    try PlainFile.read(self.path, whole: 1 << 30)
  }

  private func sequences(_ path: String) async throws -> [UInt64] {
    try await RecordFile(path: path).entries.map(\.header.sequence)
  }

  @Test func `what was appended is there after opening again`() async throws {
    let file = try RecordFile(path: self.path)
    try await file.append([Self.batch(1), Self.batch(2)])
    try await file.append([Self.batch(3)])
    try await file.sync()
    let again = try RecordFile(path: self.path)
    #expect(await again.entries == file.entries)
    #expect(await again.lastSequence == 3)
    #expect(access("\(self.path).corrupt-1", F_OK) != 0)
    #expect(try await again.batches(after: 1) == [Self.batch(2), Self.batch(3)])
    #expect(try await again.batches(after: 0, maximumSize: 1) == [Self.batch(1)])
    #expect(try await again.batches(after: 3).isEmpty)
    var status = stat()
    stat(self.path, &status)
    #expect(status.st_mode & 0o777 == 0o600)
  }

  @Test func `who looks on counts what has come, whole batches only`() async throws {
    let file = try RecordFile(path: self.path)
    try await file.append([
      Self.batch(1), Self.batch(7, kind: .failure), Self.batch(2, count: 3),
    ])
    var tail = RecordFileTail(path: self.path)
    try tail.look()
    #expect(tail.itemCount == 5)
    let before = try self.content()
    try await file.append([Self.batch(3, count: 4)])
    let whole = try self.content()
    for size in [before.count, before.count + 1, whole.count - 1] {
      try PlainFile.publish(Array(whole[..<size]), at: self.path, durably: true)
      try tail.look()
      #expect(tail.itemCount == 5)
    }
    try PlainFile.publish(whole, at: self.path, durably: true)
    try tail.look()
    #expect(tail.itemCount == 9)
    // Begun anew.
    try PlainFile.publish(Array(before[..<(before.count / 2)]), at: self.path, durably: true)
    try tail.look()
    #expect(tail.itemCount == 2)
    var missing = RecordFileTail(path: "\(self.path).none")
    #expect(throws: SystemFault.self) { try missing.look() }
  }

  @Test func `a file cut at any byte keeps its whole batches`() async throws {
    let file = try RecordFile(path: self.path)
    try await file.append([Self.batch(1), Self.batch(2), Self.batch(3)])
    let whole = try self.content()
    let ends = await file.entries.map { $0.offset + $0.size }
    for size in 0...whole.count {
      let cut = "\(self.folder.path)/cut"
      try PlainFile.publish(Array(whole[..<size]), at: cut, durably: true)
      let opened = try RecordFile(path: cut)
      let kept = ends.filter { $0 <= size }
      #expect(await opened.entries.count == kept.count)
      #expect(access("\(cut).corrupt-1", F_OK) != 0)
      #expect(try PlainFile.read(cut, whole: 1 << 20) == Array(whole[..<(kept.last ?? 0)]))
      try await opened.append([Self.batch(9)])
      #expect(try await self.sequences(cut) == (1...3).prefix(kept.count) + [9])
    }
  }

  @Test func `a flipped bit keeps what is before it, and what follows is set aside`() async throws {
    let file = try RecordFile(path: self.path)
    try await file.append([Self.batch(1), Self.batch(2), Self.batch(3)])
    let whole = try self.content()
    let ends = await file.entries.map { $0.offset + $0.size }
    for index in whole.indices {
      let scratch = ScratchFolder()
      let flipped = "\(scratch.path)/flipped"
      var bytes = whole
      bytes[index] ^= 1 << UInt8(index % 8)
      try PlainFile.publish(bytes, at: flipped, durably: true)
      let opened = try RecordFile(path: flipped)
      let kept = ends.filter { $0 <= index }
      #expect(await opened.entries.count == kept.count, "byte \(index)")
      #expect(
        try PlainFile.read("\(flipped).corrupt-1", whole: 1 << 20)
          == Array(bytes[(kept.last ?? 0)...]))
    }
  }

  @Test func `dropped batches leave their number behind`() async throws {
    let file = try RecordFile(path: self.path)
    try await file.append([Self.batch(1), Self.batch(2), Self.batch(3)])
    try await file.sync()
    try await file.drop(through: 2)
    #expect(try await file.batches(after: 0) == [Self.batch(3)])
    try await file.append([Self.batch(4)])
    try await file.sync()
    let again = try RecordFile(path: self.path)
    #expect(await again.droppedThrough == 2)
    #expect(try await again.batches(after: 2) == [Self.batch(3), Self.batch(4)])
    try await again.drop(through: 4)
    let empty = try RecordFile(path: self.path)
    #expect(await empty.entries.isEmpty)
    #expect(await empty.lastSequence == 4)
  }

  @Test func `a batch that is not right is refused and changes nothing`() async throws {
    let file = try RecordFile(path: self.path)
    var wrong = Self.batch(2)
    wrong.lines.removeLast()
    await #expect(throws: SystemFault.self) { try await file.append([Self.batch(1), wrong]) }
    #expect(try self.content().isEmpty)
    try await file.append([Self.batch(1)])
    #expect(try await self.sequences(self.path) == [1])
  }

  @Test func `what is not a whole record is not there, for whoever goes on with the work`()
    async throws
  {
    let plan = try WorkPlan(kind: "k", specification: Array("{}".utf8), taskCount: 30)
    let file = try RecordFile(path: self.path)
    var broken = Self.batch(1)
    broken.lines.replaceSubrange(
      broken.lines.count - 3..<broken.lines.count - 2, with: [UInt8(ascii: "x")])
    broken = RecordBatch(broken.header, lines: broken.lines)
    try await file.append([broken, Self.batch(2), Self.batch(5, kind: .failure)])
    let history = try await file.history(of: plan)
    #expect(history.recorded == [10..<11, 20..<22] && history.failureCounts.isEmpty)
    #expect(history.attemptLast == 1 && history.leaseIDLast == 1)
    #expect(try RecordFileReader(path: self.path).history(of: plan) == history)
  }

  /// Where the kernel is asked to sync something that cannot be, its refusal is seen.
  @Test func `a sync is one of the disk, and what it refuses is refused`() async throws {
    for step in ["sync", "drop"] {
      let path = "\(self.path)-\(step)"
      let file = try RecordFile(path: path)
      try await file.append([Self.batch(1), Self.batch(2)])
      if step == "drop" { try await file.sync() }
      let number = try #require(Self.descriptor(of: path))
      let null = open("/dev/null", O_RDWR | O_CLOEXEC)
      defer { close(null) }
      // Writing succeeds there; fdatasync does not.
      #expect(fdatasync(null) != 0 && errno == EINVAL)
      #expect(dup2(null, number) == number)
      if step == "drop" { try await file.append([Self.batch(3)]) }
      await #expect(throws: SystemFault.self, "\(step)") { try await file.sync() }
      await #expect(throws: SystemFault.self) { try await file.append([Self.batch(9)]) }
    }
  }

  /// Of this process, by the name of its file.
  private static func descriptor(of path: String) -> CInt? {
    (try? PlainFile.names(in: "/proc/self/fd"))?.compactMap { CInt($0) }.first { number in
      var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
      let size = readlink("/proc/self/fd/\(number)", &buffer, Int(PATH_MAX))
      let name = buffer.prefix(max(size, 0)).map { UInt8(bitPattern: $0) }
      return String(decoding: name, as: UTF8.self) == path
    }
  }

  @Test func `many batches larger than a read are found again`() async throws {
    let file = try RecordFile(path: self.path)
    let batches = (1...40).map { Self.batch(UInt64($0) * 1000, count: 1000) }
    try await file.append(batches)
    try await file.sync()
    let again = try RecordFile(path: self.path)
    #expect(try await again.batches(after: 0, maximumSize: .max) == batches)
  }

  @Test func `a folder that is not there is an error with the path`() {
    #expect(
      throws: SystemFault("open", "/nonexistent/x", code: ENOENT)
    ) { try RecordFile(path: "/nonexistent/x") }
  }
}
