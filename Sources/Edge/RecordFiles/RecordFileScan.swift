import Glibc
import Rollouts

/// The content of a record file, read once from its start and checked frame by frame.
struct RecordFileScan {
  /// How far one read goes beyond a frame: few calls, little memory.
  private static let chunkSize = 1 << 20

  var entries: [RecordFileEntry] = []
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
      case .batch(let header, let headerSize):
        self.add(header, headerSize)
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

  private mutating func add(_ header: BatchFrame.Header, _ headerSize: Int) {
    self.entries.append(
      RecordFileEntry(
        header: header.batch, offset: self.intactSize + headerSize, size: header.size,
        frameOffset: self.intactSize))
    self.intactSize += headerSize + header.size
  }
}
