import Fleet

/// How a batch lies in a file: one header line, then its lines as they are.
///
/// ```
/// {"batch":{"sequence":7,"lease":3,"attempt":1,"first":400,"count":50,"bytes":35102,"crc32c":"1c2d3e4f","header_crc32c":"5a6b7c8d"}}
/// ```
/// `crc32c` is that of the lines, as on the wire; `header_crc32c` is that of the header up to and with
/// the quote that ends `crc32c`, so that the size can be trusted before the lines are there. A file
/// whose batches up to a sequence number were dropped begins with a mark instead:
/// `{"mark":{"sequence":7,"header_crc32c":"…"}}`.
package enum BatchFrame {
  /// 8 MiB: with the memory of one batch in each of some thousand nodes in view.
  package static let maximumSize = 8 << 20
  package static let maximumCount = 65_536
  /// The longest header has 20-digit numbers in all its fields.
  static let maximumHeaderSize = 320

  /// What a header says about the lines that follow it.
  package struct Header: Equatable, Sendable {
    package var sequence: UInt64
    package var leaseID: UInt64
    package var attempt: UInt32
    package var items: Range<UInt64>
    /// Size of the lines in bytes, 1 ... ``BatchFrame/maximumSize``.
    package var size: Int
    /// CRC-32C of the lines.
    package var checksum: UInt32
  }

  /// Why a batch is refused before it is written; `nil` when it is in order: counts and sizes within
  /// the caps, exactly one line feed for each item, the last byte one of them.
  package static func fault(of batch: RecordBatch) -> String? {
    if batch.sequence == 0 { return "sequence 0" }
    if batch.attempt == 0 { return "attempt 0" }
    if batch.items.isEmpty || batch.items.count > Self.maximumCount {
      return "\(batch.items.count) items, allowed are 1 to \(Self.maximumCount)"
    }
    if batch.items.upperBound > WorkPlan.maximumItemCount { return "items beyond 2^40" }
    if batch.lines.isEmpty || batch.lines.count > Self.maximumSize {
      return "\(batch.lines.count) bytes, allowed are 1 to \(Self.maximumSize)"
    }
    let lineCount = batch.lines.withUnsafeBytes { RecordLineFeeds.count(in: $0) }
    if lineCount != batch.items.count || batch.lines.last != 0x0A {
      return "\(lineCount) whole lines for \(batch.items.count) items"
    }
    return nil
  }

  /// Appends the frame of `batch`, which has no ``fault(of:)``.
  ///
  /// - Returns: The header's size in bytes; the lines follow it.
  @discardableResult
  package static func append(_ batch: RecordBatch, to bytes: inout [UInt8]) -> Int {
    let header = Self.headerLine(
      Header(
        sequence: batch.sequence, leaseID: batch.leaseID, attempt: batch.attempt,
        items: batch.items, size: batch.lines.count, checksum: CRC32C.checksum(of: batch.lines)))
    bytes += header
    bytes += batch.lines
    return header.count
  }

  /// The line that says that everything up to `sequence` was dropped.
  package static func markLine(droppedThrough sequence: UInt64) -> [UInt8] {
    Self.sealed(Array(#"{"mark":{"sequence":\#(sequence)"#.utf8))
  }

  static func headerLine(_ header: Header) -> [UInt8] {
    var text = #"{"batch":{"sequence":\#(header.sequence),"lease":\#(header.leaseID),"#
    text += #""attempt":\#(header.attempt),"first":\#(header.items.lowerBound),"#
    text += #""count":\#(header.items.count),"bytes":\#(header.size),"#
    text += #""crc32c":"\#(Self.hex(header.checksum))""#
    return Self.sealed(Array(text.utf8))
  }

  private static func sealed(_ text: [UInt8]) -> [UInt8] {
    text + #","header_crc32c":"\#(Self.hex(CRC32C.checksum(of: text)))"}}\#n"#.utf8
  }

  private static func hex(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}
