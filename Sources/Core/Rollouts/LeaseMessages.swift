import Fleet

/// The first order on every stream: what the items are.
package struct LeaseSetup: Equatable, Sendable {
  /// The same on a later stream means that the work goes on.
  package var workID: String
  /// As in the ``WorkPlan``, and not yet checked on the node.
  package var kind: String
  package var specification: [UInt8]
  /// At least 1; item `i` is the rollout `i % rolloutsPerTask` of the task `i / rolloutsPerTask`.
  package var rolloutsPerTask: UInt64

  package init(
    workID: String, kind: String, specification: [UInt8], rolloutsPerTask: UInt64
  ) {
    self.workID = workID
    self.kind = kind
    self.specification = specification
    self.rolloutsPerTask = rolloutsPerTask
  }
}

/// Items that are a node's for a while.
package struct Lease: Equatable, Sendable {
  /// More gaps than this have their own lease: its order is one small frame.
  package static let maximumRangeCount = 1024

  /// Never used for another lease of the same work, by any coordinator.
  package var id: UInt64
  /// At least one item; those that are still to be done.
  package var items: OrdinalRangeSet
  /// Counts from 1; higher for items that were leased before.
  package var attempt: UInt32

  package init(id: UInt64, items: OrdinalRangeSet, attempt: UInt32) {
    self.id = id
    self.items = items
    self.attempt = attempt
  }
}

/// What a coordinator tells a node on the stream of its work (node.proto, `WorkOrder`).
package enum LeaseOrder: Equatable, Sendable {
  /// First on every stream; leases of earlier streams that are still to be done come again after it.
  case setup(LeaseSetup)
  case lease(Lease)
  /// The lease ends before the item `end`; what has been done beyond is delivered all the same.
  case cut(leaseID: UInt64, end: UInt64)
  /// Every batch up to this sequence number is on the coordinator's disk.
  case acknowledgement(UInt64)
}

/// What a node tells its coordinator on the stream of its work (node.proto, `WorkReport`).
package enum LeaseReport: Equatable, Sendable {
  /// A batch that is on the node's disk.
  case batch(RecordBatch)
  /// The worker lives, and this is where it is.
  case progress(LeaseProgress)
  /// The worker cannot go on; it keeps what it has.
  case fault(LeaseFault)
}

/// Where a node's worker is.
package struct LeaseProgress: Equatable, Sendable {
  /// The lease of the next item that it will begin; 0: none waits.
  package var leaseID: UInt64
  /// That item: the lease's items before it are begun or done.
  package var next: UInt64
  /// How many items it can have under way at once; 0: it does not know yet.
  package var concurrency: UInt32

  package init(leaseID: UInt64 = 0, next: UInt64 = 0, concurrency: UInt32 = 0) {
    self.leaseID = leaseID
    self.next = next
    self.concurrency = concurrency
  }
}

/// Why a node's worker cannot go on.
package struct LeaseFault: Error, Equatable, Sendable {
  /// Numbered as in node.proto.
  package enum Kind: Int, CaseIterable, Sendable {
    /// The agent has no runner for this kind of work: it never will.
    case unknownKind = 1
    /// The kind's runner cannot read the specification: it never will.
    case unreadableSpecification
    /// The node's disk refuses; that may pass.
    case disk

    /// Whether another try on this node is of no use.
    package var isLasting: Bool { self != .disk }
  }

  package var kind: Kind
  /// For people.
  package var message: String

  package init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }
}

/// How leases are sized and when they end.
package struct LeaseSettings: Equatable, Sendable {
  /// A node that is silent for so long loses its leases; reports come every second.
  package var timeout: Duration = .seconds(15)
  /// Work in one lease: short enough for a short tail, long against a round trip and an fsync.
  package var duration: Duration = .milliseconds(750)
  /// Items of a node's first lease, before its rate is known.
  package var firstCount: UInt64 = 16
  /// Items in one lease at most: the caps of a batch hold it with room.
  package var countMax: UInt64 = 65_536
  /// Leases a node holds at most: the one it works on, and some so that it never waits for one. More
  /// where it can have more items under way at once than these have.
  package var outstandingMax = 3
  /// Leases a node holds in any case at most: below `LeaseQueue.countMax`.
  package var heldMax = 32
  /// Items that a node has under way at once, whatever it says.
  package var concurrencyMax: UInt64 = 4096
  /// After a fault a node gets no lease for so long.
  package var faultPause: Duration = .seconds(5)
  /// Faults in a row, with no record between, after which a node gets nothing any more.
  package var faultCountMax = 10

  package init() {}
}

/// What is known of a batch without its lines: which items, who did them and as which try.
package struct BatchHeader: Equatable, Sendable {
  /// Counts from 1 per work and node, without gaps.
  package var sequence: UInt64
  package var leaseID: UInt64
  /// Counts from 1; higher for items that were leased before.
  package var attempt: UInt32
  /// What all its lines are.
  package var kind: RecordLine.Kind
  /// The items, at least one: their ordinals in the work plan.
  package var items: OrdinalRangeSet

  package init(
    sequence: UInt64, leaseID: UInt64, attempt: UInt32, kind: RecordLine.Kind = .result,
    items: OrdinalRangeSet
  ) {
    self.sequence = sequence
    self.leaseID = leaseID
    self.attempt = attempt
    self.kind = kind
    self.items = items
  }
}

/// Where one batch lies in a file of frames (``BatchFrame``): what is known before any record is read.
package struct BatchEntry: Equatable, Sendable {
  package var header: BatchHeader
  /// Size of its lines in bytes.
  package var size: Int
  /// Offset of its frame's header.
  package var frameOffset = 0
  /// Offset of its lines.
  package var offset = 0

  package init(_ header: BatchHeader, size: Int) {
    self.header = header
    self.size = size
  }
}

/// Records of some items of one lease, as a node made them: the unit that is stored, sent and
/// acknowledged.
@dynamicMemberLookup
package struct RecordBatch: Equatable, Sendable {
  package var header: BatchHeader
  /// One line of JSON for each item, in the order of ordinals, each ended by a line feed.
  package var lines: [UInt8]
  /// CRC-32C of the lines, as whoever made the batch had it: computed once, and checked where the
  /// batch has come over a wire.
  package var checksum: UInt32

  /// - Parameter checksum: `nil`: that of these lines.
  package init(_ header: BatchHeader, lines: [UInt8], checksum: UInt32? = nil) {
    self.header = header
    self.lines = lines
    self.checksum = checksum ?? CRC32C.checksum(of: lines)
  }

  package subscript<Value>(dynamicMember field: WritableKeyPath<BatchHeader, Value>) -> Value {
    get { self.header[keyPath: field] }
    set { self.header[keyPath: field] = newValue }
  }
}

/// How a batch lies in a file: one header line, then its lines as they are.
///
/// ```
/// {"batch":{"sequence":7,"lease":3,"attempt":1,"kind":"result","items":[400,450],"bytes":35102,"crc32c":"1c2d3e4f","header_crc32c":"5a6b7c8d"}}
/// ```
/// `items` are the bounds of ranges: first, end, first, end …
/// `crc32c` is that of the lines, as on the wire; `header_crc32c` is that of the header up to and with
/// the quote that ends `crc32c`, so that the size can be trusted before the lines are there. A file
/// whose batches up to a sequence number were dropped begins with a mark instead:
/// `{"mark":{"sequence":7,"header_crc32c":"…"}}`.
package enum BatchFrame {
  /// 8 MiB: with the memory of one batch in each of some thousand nodes in view.
  package static let maximumSize = 8 << 20
  package static let maximumCount = 65_536
  /// Many items under way at once end in any order, but a tenth of a second later most gaps are closed.
  package static let maximumRangeCount = 1024
  /// More often no item of ours is leased: numbers beyond are a node's that lies.
  static let maximumAttempt: UInt32 = 1 << 20
  /// The longest header has 20-digit numbers in all its fields, and bounds of 13 digits.
  static let maximumHeaderSize = 320 + 28 * maximumRangeCount

  /// Why a batch is refused before it is written; `nil` when it is in order: counts and sizes within
  /// the caps, exactly one line feed for each item, the last byte one of them.
  package static func fault(of batch: RecordBatch) -> String? {
    if let fault = Self.limitFault(of: batch.header, size: batch.lines.count) { return fault }
    let lineCount = batch.lines.withUnsafeBytes { RecordLineFeeds.count(in: $0) }
    if UInt64(lineCount) != batch.items.count || batch.lines.last != 0x0A {
      return "\(lineCount) whole lines for \(batch.items.count) items"
    }
    return nil
  }

  /// The same, without a look at the lines.
  static func limitFault(of batch: BatchHeader, size: Int) -> String? {
    if batch.sequence == 0 { return "sequence 0" }
    if batch.attempt == 0 || batch.attempt > Self.maximumAttempt {
      return "attempt \(batch.attempt)"
    }
    if batch.items.isEmpty || batch.items.count > UInt64(Self.maximumCount) {
      return "\(batch.items.count) items, allowed are 1 to \(Self.maximumCount)"
    }
    if batch.items.ranges.count > Self.maximumRangeCount {
      return "\(batch.items.ranges.count) ranges, allowed are \(Self.maximumRangeCount)"
    }
    if batch.items.span.upperBound > WorkPlan.maximumItemCount { return "items beyond 2^40" }
    return 1...Self.maximumSize ~= size
      ? nil : "\(size) bytes, allowed are 1 to \(Self.maximumSize)"
  }

  /// Appends the frame of `batch`, which has no ``fault(of:)``.
  ///
  /// - Returns: Where it lies in `bytes`.
  @discardableResult
  package static func append(_ batch: RecordBatch, to bytes: inout [UInt8]) -> BatchEntry {
    var entry = BatchEntry(batch.header, size: batch.lines.count)
    entry.frameOffset = bytes.count
    bytes += Self.headerLine(batch.header, size: entry.size, checksum: batch.checksum)
    entry.offset = bytes.count
    bytes += batch.lines
    return entry
  }

  /// The line that says that everything up to `sequence` was dropped.
  package static func markLine(droppedThrough sequence: UInt64) -> [UInt8] {
    Self.sealed(Array(#"{"mark":{"sequence":\#(sequence)"#.utf8))
  }

  static func headerLine(_ batch: BatchHeader, size: Int, checksum: UInt32) -> [UInt8] {
    var text = #"{"batch":{"sequence":\#(batch.sequence),"lease":\#(batch.leaseID),"#
    text += #""attempt":\#(batch.attempt),"kind":"\#(batch.kind)","items":["#
    text += batch.items.bounds.map { "\($0)" }.joined(separator: ",")
    text += #"],"bytes":\#(size),"#
    text += #""crc32c":"\#(checksum.digits(8, radix: 16))""#
    return Self.sealed(Array(text.utf8))
  }

  private static func sealed(_ text: [UInt8]) -> [UInt8] {
    text + #","header_crc32c":"\#(CRC32C.checksum(of: text).digits(8, radix: 16))"}}\#n"#.utf8
  }
}

/// Reads frames out of bytes, one at a time: what is whole and right, what is not there yet, or where
/// the bytes are wrong.
package enum BatchFrameDecoder {
  package enum Step: Equatable, Sendable {
    /// A whole, checked batch, and where it lies in the bytes.
    case batch(BatchEntry)
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
    guard let (header, size, checksum) = Self.header(line) else {
      return .corrupt("a header that is not right")
    }
    guard bytes.count - line.count >= size else {
      return .incomplete(needed: line.count + size)
    }
    let body = UnsafeRawBufferPointer(rebasing: bytes[line.count..<line.count + size])
    guard CRC32C.checksum(of: body) == checksum else {
      return .corrupt("records that do not match their checksum")
    }
    guard body.last == 0x0A, UInt64(RecordLineFeeds.count(in: body)) == header.items.count else {
      return .corrupt("another number of lines than of items")
    }
    var entry = BatchEntry(header, size: size)
    entry.offset = line.count
    return .batch(entry)
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
  private static func header(
    _ line: UnsafeRawBufferPointer
  ) -> (batch: BatchHeader, size: Int, checksum: UInt32)? {
    var scanner = RecordLineScanner(line)
    guard scanner.take(#"{"batch":{"sequence":"#), let sequence = scanner.integer(),
      scanner.take(#","lease":"#), let lease = scanner.integer(),
      scanner.take(#","attempt":"#),
      let attempt = scanner.integer().flatMap(UInt32.init(exactly:)),
      scanner.take(#","kind":"#),
      let kind = scanner.text().flatMap({ RecordLine.Kind(rawValue: $0) }),
      scanner.take(#","items":["#), let items = OrdinalRangeSet(&scanner),
      scanner.take(#"],"bytes":"#), let size = scanner.integer().flatMap(Int.init(exactly:)),
      scanner.take(#","crc32c":"#), let digits = scanner.text(),
      let checksum = UInt32(digits, radix: 16)
    else { return nil }
    let batch = BatchHeader(
      sequence: sequence, leaseID: lease, attempt: attempt, kind: kind, items: items)
    guard BatchFrame.limitFault(of: batch, size: size) == nil else { return nil }
    let canonical = BatchFrame.headerLine(batch, size: size, checksum: checksum)
    return canonical.elementsEqual(line) ? (batch, size, checksum) : nil
  }
}
