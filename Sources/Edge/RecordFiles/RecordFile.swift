import Glibc
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

  private var file: FileDescriptor
  private var size: Int
  private var syncedSize: Int
  private var failure: RecordLogError?
  private nonisolated let thread: FileThread

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    self.thread.asUnownedSerialExecutor()
  }

  /// Opens or creates the file, mode 0600, and repairs it: an unfinished frame at the end, as a crash
  /// leaves it, is cut off; a wrong one and all that follows it are moved to `PATH.corrupt-N`. What is
  /// left is on disk when this returns.
  package init(path: String) throws(RecordLogError) {
    do throws(FileFault) {
      let file = try FileDescriptor(path: path, flags: O_RDWR | O_CREAT)
      let size = try file.size()
      let scan = try RecordFileScan(file, size: size)
      if scan.corruption != nil { try Self.setAside(file, scan.intactSize..<size) }
      if scan.intactSize < size { try file.truncate(to: scan.intactSize) }
      try file.synchronize()
      try DurableFile.synchronizeFolder(of: path)
      self.file = file
      self.entries = scan.entries
      self.droppedThrough = scan.droppedThrough
      self.size = scan.intactSize
      self.syncedSize = scan.intactSize
      self.path = path
      self.thread = try FileThread(for: path)
    } catch {
      throw RecordLogError(error)
    }
  }

  /// The highest sequence number the file has had; 0: none yet.
  package var lastSequence: UInt64 {
    self.entries.reduce(self.droppedThrough) { max($0, $1.header.sequence) }
  }

  package func append(_ batches: [RecordBatch]) async throws(RecordLogError) {
    if let failure = self.failure { throw failure }
    var bytes: [UInt8] = []
    var added: [BatchEntry] = []
    for batch in batches {
      if let fault = BatchFrame.fault(of: batch) {
        throw .refused(path: self.path, reason: "batch \(batch.sequence): \(fault)")
      }
      var entry = BatchFrame.append(batch, to: &bytes)
      entry.frameOffset += self.size
      entry.offset += self.size
      added.append(entry)
    }
    do throws(FileFault) {
      try self.file.write(bytes, at: self.size)
    } catch {
      throw self.fail(error)
    }
    self.size += bytes.count
    self.entries += added
  }

  package func sync() async throws(RecordLogError) {
    if let failure = self.failure { throw failure }
    guard self.syncedSize < self.size else { return }
    do throws(FileFault) {
      try self.file.synchronize()
    } catch {
      throw self.fail(error)
    }
    self.syncedSize = self.size
  }

  /// The batches with a sequence number above `sequence`, at most `maximumSize` bytes of lines of
  /// them, but at least one if there is one: what has to be delivered again.
  package func batches(after sequence: UInt64, maximumSize: Int = 1 << 20) throws(RecordLogError)
    -> [RecordBatch]
  {
    var batches: [RecordBatch] = []
    var size = 0
    let start = self.entries.firstIndex { $0.header.sequence > sequence } ?? self.entries.count
    do throws(FileFault) {
      for entry in self.entries[start...] {
        size += entry.size
        if size > maximumSize, !batches.isEmpty { break }
        batches.append(RecordBatch(entry.header, lines: try self.file.lines(of: entry)))
      }
    } catch {
      throw RecordLogError(error)
    }
    return batches
  }

  /// Drops the batches up to `sequence`, which others have on disk: the file is written anew with a
  /// mark in their place, so that numbers go on from there after a restart, and replaces the old one
  /// by a rename. Costs as much as what stays; worth it when nothing or little does.
  package func drop(through sequence: UInt64) throws(RecordLogError) {
    if let failure = self.failure { throw failure }
    guard sequence > self.droppedThrough else { return }
    do throws(FileFault) {
      try self.rewrite(droppingThrough: sequence)
    } catch {
      throw self.fail(error)
    }
  }

  private func rewrite(droppingThrough sequence: UInt64) throws(FileFault) {
    let temporary = self.path + ".new"
    let target = try FileDescriptor(path: temporary, flags: O_RDWR | O_CREAT | O_TRUNC)
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
    try DurableFile.rename(temporary, to: self.path)
    self.file = try FileDescriptor(path: self.path, flags: O_RDWR)
    self.entries = kept
    self.droppedThrough = sequence
    self.size = size
    self.syncedSize = size
  }

  /// Takes back what was not synced, remembers the fault and returns it.
  private func fail(_ fault: FileFault) -> RecordLogError {
    let failure = RecordLogError(fault)
    self.failure = failure
    let syncedSize = self.syncedSize
    self.entries.removeAll { $0.frameOffset >= syncedSize }
    self.size = syncedSize
    // Where even this fails, the next opening cuts off what is unfinished.
    try? self.file.truncate(to: syncedSize)
    return failure
  }

  /// Copies a part of the file to the first free `PATH.corrupt-N`, N from 1.
  private static func setAside(
    _ file: borrowing FileDescriptor, _ range: Range<Int>
  ) throws(FileFault) {
    for number in 1...1000 {
      let path = "\(file.path).corrupt-\(number)"
      if access(path, F_OK) == 0 { continue }
      let target = try FileDescriptor(path: path, flags: O_WRONLY | O_CREAT | O_EXCL)
      for start in stride(from: range.lowerBound, to: range.upperBound, by: 1 << 20) {
        let bytes = try file.bytes(start..<min(start + (1 << 20), range.upperBound))
        try target.write(bytes, at: start - range.lowerBound)
      }
      try target.synchronize()
      return try DurableFile.synchronizeFolder(of: path)
    }
    throw FileFault(path: file.path, operation: "set aside a corrupt part of", errno: EEXIST)
  }
}
