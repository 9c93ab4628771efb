import Glibc
package import Rollouts

/// A record file that is only read, such as by a merge while another process may append to it: what
/// is unfinished at its end is not seen, and nothing is repaired.
package final class RecordFileReader: Sendable {
  package let path: String
  package let entries: [BatchEntry]
  /// What is wrong from some offset on; `nil` when nothing is.
  package let damage: String?
  private let file: FileDescriptor

  package init(path: String) throws(FileFault) {
    self.path = path
    self.file = try FileDescriptor(path: path, flags: O_RDONLY)
    let scan = try RecordFileScan(self.file, size: try self.file.size())
    self.entries = scan.entries
    self.damage = scan.corruption.map { "\($0) at byte \(scan.intactSize)" }
  }

  /// The lines of a batch, as they were appended.
  package func lines(of entry: BatchEntry) throws(FileFault) -> [UInt8] {
    try self.file.lines(of: entry)
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
  package mutating func look() throws(FileFault) {
    let file = try FileDescriptor(path: self.path, flags: O_RDONLY)
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

  init(_ file: borrowing FileDescriptor, size: Int) throws(FileFault) {
    try self.goOn(file, to: size)
  }

  init() {}

  /// Reads what is behind the intact part, up to `size`.
  mutating func goOn(_ file: borrowing FileDescriptor, to size: Int) throws(FileFault) {
    var window: [UInt8] = []
    var windowStart = 0
    var needed = 1
    while self.intactSize < size {
      let available = windowStart + window.count - self.intactSize
      if available < needed, windowStart + window.count < size {
        windowStart = self.intactSize
        let end = min(size, windowStart + max(needed, Self.chunkSize))
        window = try file.bytes(windowStart..<end)
        if window.isEmpty { return }
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

extension FileDescriptor {
  /// The lines of a batch, as they were appended.
  func lines(of entry: BatchEntry) throws(FileFault) -> [UInt8] {
    let lines = try self.bytes(entry.offset..<entry.offset + entry.size)
    guard lines.count == entry.size else {
      throw FileFault(path: self.path, operation: "read", errno: EIO)
    }
    return lines
  }
}
