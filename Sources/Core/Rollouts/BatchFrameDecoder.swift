import Fleet

/// Reads frames out of bytes, one at a time: what is whole and right, what is not there yet, or where
/// the bytes are wrong.
package enum BatchFrameDecoder {
  package enum Step: Equatable, Sendable {
    /// A whole, checked batch: its header, the size of the header's line, then `header.size` bytes.
    case batch(BatchFrame.Header, headerSize: Int)
    /// All batches up to this sequence number were dropped; the line's size.
    case mark(droppedThrough: UInt64, size: Int)
    /// So far right, but not whole; at least so many bytes are needed from the frame's start on.
    case incomplete(needed: Int)
    /// Not a frame; says why.
    case corrupt(String)
  }

  /// The frame that begins `bytes`, which are not empty.
  package static func next(in bytes: UnsafeRawBufferPointer) -> Step {
    let window = UnsafeRawBufferPointer(rebasing: bytes.prefix(BatchFrame.maximumHeaderSize))
    guard let end = RecordLineFeeds.first(in: window, from: 0) else {
      if window.count == BatchFrame.maximumHeaderSize { return .corrupt("no header line") }
      return .incomplete(needed: bytes.count + 1)
    }
    let line = UnsafeRawBufferPointer(rebasing: window[...end])
    if let sequence = Self.mark(line) {
      return .mark(droppedThrough: sequence, size: line.count)
    }
    guard let header = Self.header(line) else { return .corrupt("a header that is not right") }
    guard bytes.count - line.count >= header.size else {
      return .incomplete(needed: line.count + header.size)
    }
    let body = UnsafeRawBufferPointer(rebasing: bytes[line.count..<line.count + header.size])
    guard CRC32C.checksum(of: body) == header.checksum else {
      return .corrupt("records that do not match their checksum")
    }
    guard body.last == 0x0A, RecordLineFeeds.count(in: body) == header.items.count else {
      return .corrupt("another number of lines than of items")
    }
    return .batch(header, headerSize: line.count)
  }

  /// A mark is right when it is, byte for byte, the one that would be written.
  private static func mark(_ line: UnsafeRawBufferPointer) -> UInt64? {
    var scanner = RecordLineScanner(line)
    guard scanner.take(#"{"mark":{"sequence":"#), let sequence = scanner.integer(),
      BatchFrame.markLine(droppedThrough: sequence).elementsEqual(line)
    else { return nil }
    return sequence
  }

  /// A header is right when it is, byte for byte, the one that would be written.
  private static func header(_ line: UnsafeRawBufferPointer) -> BatchFrame.Header? {
    var scanner = RecordLineScanner(line)
    guard scanner.take(#"{"batch":{"sequence":"#), let sequence = scanner.integer(), sequence > 0,
      scanner.take(#","lease":"#), let lease = scanner.integer(),
      scanner.take(#","attempt":"#), let attempt = scanner.integer(),
      1...UInt64(UInt32.max) ~= attempt,
      scanner.take(#","first":"#), let first = scanner.integer(),
      first < WorkPlan.maximumItemCount,
      scanner.take(#","count":"#), let count = scanner.integer(),
      1...UInt64(BatchFrame.maximumCount) ~= count,
      first + count <= WorkPlan.maximumItemCount,
      scanner.take(#","bytes":"#), let size = scanner.integer(),
      1...UInt64(BatchFrame.maximumSize) ~= size,
      scanner.take(#","crc32c":"#), let digits = scanner.text(),
      let checksum = UInt32(digits, radix: 16)
    else { return nil }
    let header = BatchFrame.Header(
      sequence: sequence, leaseID: lease, attempt: UInt32(attempt), items: first..<first + count,
      size: Int(size), checksum: checksum)
    return BatchFrame.headerLine(header).elementsEqual(line) ? header : nil
  }
}
