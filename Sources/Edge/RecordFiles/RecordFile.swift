import Dispatch
import Glibc
package import OperatingSystem
package import Rollouts

/// A record log in one file of frames (`BatchFrame`): a node's spool, or what the coordinator has of a
/// node. Its calls block on a thread of its own, never on the cooperative pool.
///
/// After the first fault nothing more is accepted: a failed sync may have lost pages that a later one
/// would not mention.
package actor RecordFile: RecordLog {
  package nonisolated let path: String
  /// The batches in the file, in its order. Those at the end may not be synced yet.
  package private(set) var entries: [BatchEntry]
  /// Everything up to this sequence number was dropped by ``drop(through:)``; 0: nothing.
  package private(set) var droppedThrough: UInt64

  private var file: OpenFile
  private var size: Int
  private var syncedSize: Int
  private var failure: SystemFault?
  private nonisolated let thread = FileThread()

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    self.thread.asUnownedSerialExecutor()
  }

  /// Opens or creates the file, mode 0600, and repairs it: an unfinished frame at the end, as a crash
  /// leaves it, is cut off; a wrong one and all that follows it are moved to `PATH.corrupt-N`. What is
  /// left is on disk when this returns.
  package init(path: String) throws(SystemFault) {
    let file = try OpenFile(path: path, flags: O_RDWR | O_CREAT)
    let size = try file.size()
    var scan = RecordFileScan()
    try scan.goOn(file, to: size)
    if scan.corruption != nil { try Self.setAside(file, scan.intactSize..<size) }
    if scan.intactSize < size { try file.truncate(to: scan.intactSize) }
    try file.synchronize()
    try PlainFile.syncFolder(of: path)
    self.file = file
    self.entries = scan.entries
    self.droppedThrough = scan.droppedThrough
    self.size = scan.intactSize
    self.syncedSize = scan.intactSize
    self.path = path
  }

  /// The highest sequence number the file has had; 0: none yet.
  package var lastSequence: UInt64 {
    self.entries.reduce(self.droppedThrough) { max($0, $1.header.sequence) }
  }

  /// What the file holds of a work, as a merge takes it.
  package func history(of plan: WorkPlan) throws(SystemFault) -> WorkHistory {
    try self.file.history(of: plan, self.entries)
  }

  package func append(_ batches: [RecordBatch]) async throws(SystemFault) {
    if let failure = self.failure { throw failure }
    var bytes: [UInt8] = []
    var added: [BatchEntry] = []
    for batch in batches {
      if let fault = BatchFrame.fault(of: batch) {
        throw SystemFault("store batch \(batch.sequence), \(fault), in", self.path, code: EINVAL)
      }
      var entry = BatchFrame.append(batch, to: &bytes)
      entry.frameOffset += self.size
      entry.offset += self.size
      added.append(entry)
    }
    try self.failing { () throws(SystemFault) in try self.file.write(bytes, at: self.size) }
    self.size += bytes.count
    self.entries += added
  }

  package func sync() async throws(SystemFault) {
    if self.failure == nil, self.syncedSize == self.size { return }
    try self.failing { () throws(SystemFault) in try self.file.synchronize() }
    self.syncedSize = self.size
  }

  /// The batches with a sequence number above `sequence`, at most `maximumSize` bytes of lines of
  /// them, but at least one if there is one: what has to be delivered again.
  package func batches(after sequence: UInt64, maximumSize: Int = 1 << 20) throws(SystemFault)
    -> [RecordBatch]
  {
    var batches: [RecordBatch] = []
    var size = 0
    let start = self.entries.firstIndex { $0.header.sequence > sequence } ?? self.entries.count
    for entry in self.entries[start...] {
      size += entry.size
      if size > maximumSize, !batches.isEmpty { break }
      batches.append(RecordBatch(entry.header, lines: try self.file.lines(of: entry)))
    }
    return batches
  }

  /// Drops the batches up to `sequence`, which others have on disk: the file is written anew with a
  /// mark in their place, so that numbers go on from there after a restart, and replaces the old one
  /// by a rename. Costs as much as what stays; worth it when nothing or little does.
  package func drop(through sequence: UInt64) throws(SystemFault) {
    if self.failure == nil, sequence <= self.droppedThrough { return }
    try self.failing { () throws(SystemFault) in try self.rewrite(droppingThrough: sequence) }
  }

  private func rewrite(droppingThrough sequence: UInt64) throws(SystemFault) {
    let temporary = self.path + ".new"
    let target = try OpenFile(path: temporary, flags: O_RDWR | O_CREAT | O_TRUNC)
    let mark = BatchFrame.markLine(droppedThrough: sequence)
    try target.write(mark, at: 0)
    var kept: [BatchEntry] = []
    var size = mark.count
    for var entry in self.entries where entry.header.sequence > sequence {
      let frame = try self.file.bytes(entry.frameOffset..<entry.offset + entry.size)
      try target.write(frame, at: size)
      entry.offset += size - entry.frameOffset
      entry.frameOffset = size
      size += frame.count
      kept.append(entry)
    }
    try target.synchronize()
    try PlainFile.rename(temporary, to: self.path)
    self.file = try OpenFile(path: self.path, flags: O_RDWR)
    self.entries = kept
    self.droppedThrough = sequence
    self.size = size
    self.syncedSize = size
  }

  /// After a fault of `body` nothing more is accepted, and what was not synced is taken back.
  private func failing(_ body: () throws(SystemFault) -> Void) throws(SystemFault) {
    if let failure = self.failure { throw failure }
    do throws(SystemFault) {
      try body()
    } catch {
      self.failure = error
      let syncedSize = self.syncedSize
      self.entries.removeAll { $0.frameOffset >= syncedSize }
      self.size = syncedSize
      // Where even this fails, the next opening cuts off what is unfinished.
      try? self.file.truncate(to: syncedSize)
      throw error
    }
  }

  /// Copies a part of the file to the first free `PATH.corrupt-N`, N from 1.
  private static func setAside(
    _ file: borrowing OpenFile, _ range: Range<Int>
  ) throws(SystemFault) {
    for number in 1...1000 {
      let path = "\(file.path).corrupt-\(number)"
      if access(path, F_OK) == 0 { continue }
      let target = try OpenFile(path: path, flags: O_WRONLY | O_CREAT | O_EXCL)
      try file.copy(range, to: target, at: 0)
      try target.synchronize()
      return try PlainFile.syncFolder(of: path)
    }
    throw SystemFault("set aside a corrupt part of", file.path, code: EEXIST)
  }
}

/// An append-only store of record batches: a spool on a node, a node's records at the coordinator.
/// Simulation replaces it by a disk that fills up and forgets what was not synced.
package protocol RecordLog: Sendable {
  /// Appends whole batches, in order. They are safe only after ``sync()``.
  func append(_ batches: [RecordBatch]) async throws(SystemFault)

  /// Returns when all that was appended survives the end of the process and of the machine.
  func sync() async throws(SystemFault)
}

/// A record file that is only read, such as by a merge while another process may append to it: what
/// is unfinished at its end is not seen, and nothing is repaired.
package final class RecordFileReader: Sendable {
  package let entries: [BatchEntry]
  /// What is wrong from some offset on; `nil` when nothing is.
  package let damage: String?
  /// Whether its last batch is not whole.
  package let isCut: Bool
  package let file: OpenFile

  package init(path: String) throws(SystemFault) {
    self.file = try OpenFile(path: path, flags: O_RDONLY)
    let size = try self.file.size()
    var scan = RecordFileScan()
    try scan.goOn(self.file, to: size)
    self.isCut = scan.intactSize < size && scan.corruption == nil
    self.entries = scan.entries
    self.damage = scan.corruption.map { "\($0) at byte \(scan.intactSize)" }
  }

  /// What the file holds of a work, as a merge takes it.
  package func history(of plan: WorkPlan) throws(SystemFault) -> WorkHistory {
    try self.file.history(of: plan, self.entries)
  }
}

/// Counts the results of a record file that another process appends to: each look reads only what has
/// come since the one before.
package struct RecordFileTail: Sendable {
  private let path: String
  private var scan = RecordFileScan()
  /// Items of all batches so far; one that was done twice counts twice.
  package private(set) var itemCount: UInt64 = 0

  package init(path: String) {
    self.path = path
  }

  /// Blocks for reading. What is unfinished at the end, or wrong, is not counted.
  package mutating func look() throws(SystemFault) {
    let file = try OpenFile(path: self.path, flags: O_RDONLY)
    let size = try file.size()
    if size < self.scan.intactSize { self = Self(path: self.path) }
    guard self.scan.corruption == nil else { return }
    try self.scan.goOn(file, to: size)
    self.itemCount = self.scan.entries.reduce(self.itemCount) {
      $0 &+ ($1.header.kind == .result ? $1.header.items.count : 0)
    }
    self.scan.entries = []
  }
}

/// The content of a record file, read once from its start and checked frame by frame.
struct RecordFileScan {
  /// How far one read goes beyond a frame: few calls, little memory.
  private static let chunkSize = 1 << 20

  var entries: [BatchEntry] = []
  /// Everything up to this sequence number was dropped from the file.
  var droppedThrough: UInt64 = 0
  /// Size of the whole, right frames at the start of the file.
  var intactSize = 0
  /// Why the frame at ``intactSize`` is wrong; `nil` when it is merely unfinished, or there is none.
  var corruption: String?

  /// Reads what is behind the intact part, up to `size`.
  mutating func goOn(_ file: borrowing OpenFile, to size: Int) throws(SystemFault) {
    var window: [UInt8] = []
    var windowStart = 0
    var needed = 1
    while self.intactSize < size {
      let available = windowStart + window.count - self.intactSize
      if available < needed, windowStart + window.count < size {
        windowStart = self.intactSize
        let end = min(size, windowStart + max(needed, Self.chunkSize))
        window = try file.bytes(windowStart..<end)
        // It was cut meanwhile.
        if windowStart + window.count < end { return }
      }
      let start = self.intactSize - windowStart
      let step = window.withUnsafeBytes {
        BatchFrameDecoder.next(in: UnsafeRawBufferPointer(rebasing: $0[start...]))
      }
      switch step {
      case .batch(var entry):
        entry.frameOffset += self.intactSize
        entry.offset += self.intactSize
        self.entries.append(entry)
        self.intactSize = entry.offset + entry.size
        needed = 1
      case .mark(let sequence, let markSize):
        self.droppedThrough = max(self.droppedThrough, sequence)
        self.intactSize += markSize
        needed = 1
      case .incomplete(let count):
        if self.intactSize + count > size || windowStart + window.count >= size { return }
        needed = count
      case .corrupt(let reason):
        self.corruption = reason
        return
      }
    }
  }
}

extension OpenFile {
  /// Of each batch the items whose lines are whole records: what is rejected is not there.
  fileprivate func history(
    of plan: WorkPlan, _ entries: [BatchEntry]
  ) throws(SystemFault) -> WorkHistory {
    var history = WorkHistory()
    for entry in entries {
      var header = entry.header
      header.items = plan.wholeItems(
        of: RecordBatch(header, lines: try self.lines(of: entry), checksum: 0))
      history.add(header)
    }
    return history
  }

  /// The lines of a batch, as they were appended.
  package func lines(of entry: BatchEntry) throws(SystemFault) -> [UInt8] {
    let lines = try self.bytes(entry.offset..<entry.offset + entry.size)
    guard lines.count == entry.size else {
      throw SystemFault("read", self.path, code: EIO)
    }
    return lines
  }
}

/// A thread for the blocking calls of one file's actor, so that a slow disk holds up nobody else: the
/// cooperative pool has as many threads as cores, and a sync can take a second.
///
/// A queue of its own overcommits: while one blocks there is another thread for the next.
final class FileThread: SerialExecutor {
  private let queue = DispatchQueue(label: "records")

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let executor = self.asUnownedSerialExecutor()
    self.queue.async { job.runSynchronously(on: executor) }
  }
}
