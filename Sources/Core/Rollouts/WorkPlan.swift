import Fleet

/// The items of a work and their shards: written and hashed before anything starts, so that merging
/// and resuming have a fixed list to be measured against.
///
/// Item `i` is the rollout `i % rolloutsPerTask` of the task `i / rolloutsPerTask`. What is done with
/// an item is the kind's own: its specification is opaque here.
package struct WorkPlan: Equatable, Sendable {
  /// 2^40 items: ordinals stay exact in JSON's doubles, and sums of them in 64 bits.
  package static let maximumItemCount: UInt64 = 1 << 40
  /// Shards are listed in the plan; a black-box program sees its own as a variable.
  package static let maximumShardCount = 65_536
  /// 64 KiB: a prompt and a schema fit. It travels with every stream's first message, which is to be
  /// one small frame.
  package static let maximumSpecificationSize = 64 << 10
  /// Of an item that fails each time.
  package static let attemptCounts = 1...100

  /// Which runner does the items: 1 to 64 of a-z, 0-9, `_` and `-`.
  package let kind: String
  /// What the kind's runner reads: one JSON object without blanks, at most
  /// ``maximumSpecificationSize`` bytes, the same bytes for the same work.
  package let specification: [UInt8]
  /// At least 1.
  package let taskCount: UInt64
  /// At least 1.
  package let rolloutsPerTask: UInt64
  /// After so many failures an item is given up.
  package let attemptCountMax: UInt32
  /// At least 1; where there are fewer items, the last shards are empty.
  package let shardCount: Int

  /// - Throws: `WorkPlanError.outOfRange` with the name of the first value that is not allowed.
  package init(
    kind: String, specification: [UInt8], taskCount: UInt64, rolloutsPerTask: UInt64 = 1,
    attemptCountMax: Int = 3, shardCount: Int = 64
  ) throws(WorkPlanError) {
    guard Self.isName(kind) else { throw .outOfRange("kind") }
    guard Self.isSpecification(specification) else { throw .outOfRange("specification") }
    guard taskCount >= 1, taskCount <= Self.maximumItemCount else { throw .outOfRange("tasks") }
    guard rolloutsPerTask >= 1, rolloutsPerTask <= Self.maximumItemCount / taskCount else {
      throw .outOfRange("rollouts")
    }
    guard Self.attemptCounts ~= attemptCountMax else { throw .outOfRange("attempts") }
    guard 1...Self.maximumShardCount ~= shardCount else { throw .outOfRange("shards") }
    self.kind = kind
    self.specification = specification
    self.taskCount = taskCount
    self.rolloutsPerTask = rolloutsPerTask
    self.attemptCountMax = UInt32(attemptCountMax)
    self.shardCount = shardCount
  }

  /// 1 to 2^40.
  package var itemCount: UInt64 { self.taskCount * self.rolloutsPerTask }

  /// The key of the item `ordinal`, which is below ``itemCount``.
  package func key(of ordinal: UInt64) -> ItemKey {
    ItemKey(ordinal: ordinal, rolloutsPerTask: self.rolloutsPerTask)
  }

  /// The items of shard `index` (0 ..< ``shardCount``): contiguous, and their sizes differ by at most
  /// one, the larger ones first.
  package func shard(_ index: Int) -> Range<UInt64> {
    precondition(0..<self.shardCount ~= index, "no shard \(index)")
    let (size, larger) = self.itemCount.quotientAndRemainder(dividingBy: UInt64(self.shardCount))
    let position = UInt64(index)
    let start = position * size + min(position, larger)
    return start..<start + size + (position < larger ? 1 : 0)
  }

  /// In order; together exactly `0 ..< itemCount`.
  package var shards: [Range<UInt64>] { (0..<self.shardCount).map { self.shard($0) } }

  // MARK: Canonical text

  /// One JSON object and a line feed, the same bytes for the same plan. The shards are written out as
  /// `[first, end]`, so that the file says it all.
  package var canonicalText: String {
    var text = """
      {"version":\(Self.formVersion),"kind":"\(self.kind)",\
      "specification":\(String(decoding: self.specification, as: UTF8.self)),\
      "tasks":\(self.taskCount),"rollouts":\(self.rolloutsPerTask),\
      "attempts":\(self.attemptCountMax),"shard_count":\(self.shardCount),"shards":[
      """
    for (index, shard) in self.shards.enumerated() {
      text += "\(index == 0 ? "" : ",")[\(shard.lowerBound),\(shard.upperBound)]"
    }
    return text + "]}\n"
  }

  /// SHA-256 of ``canonicalText``, in hexadecimal: the `work_id` nodes see.
  package var workID: String { SHA256.hex(of: self.canonicalText.utf8) }

  /// Of ``canonicalText``: another one is another version's.
  package static let formVersion: UInt64 = 2

  /// Reads what ``canonicalText`` wrote, and nothing else: the text must be the canonical one.
  package init(canonicalText bytes: [UInt8]) throws(WorkPlanError) {
    let version = bytes.withUnsafeBytes { bytes in
      var scanner = RecordLineScanner(bytes)
      return scanner.take(#"{"version":"#) ? scanner.integer() : nil
    }
    if let version, version != Self.formVersion { throw .otherVersion(version) }
    guard let plan = bytes.withUnsafeBytes(Self.parse) else { throw .notCanonical }
    guard plan.canonicalText.utf8.elementsEqual(bytes) else { throw .notCanonical }
    self = plan
  }

  private static func parse(_ bytes: UnsafeRawBufferPointer) -> Self? {
    var scanner = RecordLineScanner(bytes)
    guard scanner.take(#"{"version":"#), scanner.integer() == Self.formVersion,
      scanner.take(#","kind":"#), let kind = scanner.text(),
      scanner.take(#","specification":"#), case let start = scanner.index, scanner.skipValue(),
      case let specification = Array(bytes[start..<scanner.index]),
      scanner.take(#","tasks":"#), let tasks = scanner.integer(),
      scanner.take(#","rollouts":"#), let rollouts = scanner.integer(),
      scanner.take(#","attempts":"#),
      let attempts = scanner.integer().flatMap(Int.init(exactly:)),
      scanner.take(#","shard_count":"#), let shards = scanner.integer().flatMap(Int.init(exactly:))
    else { return nil }
    return try? Self(
      kind: kind, specification: specification, taskCount: tasks, rolloutsPerTask: rollouts,
      attemptCountMax: attempts, shardCount: shards)
  }

  /// Nothing that JSON would have to escape.
  private static func isName(_ text: String) -> Bool {
    1...64 ~= text.utf8.count
      && text.utf8.allSatisfy { (97...122).contains($0) || $0.isDigit || $0 == 45 || $0 == 95 }
  }

  private static func isSpecification(_ bytes: [UInt8]) -> Bool {
    guard bytes.count <= Self.maximumSpecificationSize, bytes.first == 0x7B,
      String(validating: bytes, as: UTF8.self) != nil
    else { return false }
    return bytes.withUnsafeBytes { bytes in
      var scanner = RecordLineScanner(bytes)
      return scanner.skipValue() && scanner.isAtEnd
    }
  }

  // MARK: Checks

  /// What is wrong with the lines of a batch whose frame is right; `nil`: nothing. Each line must be a
  /// whole record of its item, and of the batch's kind: a node is semi-trusted.
  package func fault(in batch: RecordBatch) -> String? {
    guard batch.items.span.upperBound <= self.itemCount else { return "items that are not planned" }
    var fault: String?
    let size = self.eachLine(of: batch) { ordinal, line in
      if RecordLine.kind(of: line, key: self.key(of: ordinal)) == batch.kind { return true }
      fault = "a line that is not the \(batch.kind) of item \(ordinal)"
      return false
    }
    if let fault { return fault }
    guard let size else { return "fewer lines than items" }
    return size == batch.lines.count ? nil : "more lines than items"
  }

  /// The planned items of a stored batch whose lines are what the batch says: what a merge takes.
  package func wholeItems(of batch: RecordBatch) -> OrdinalRangeSet {
    var items = OrdinalRangeSet()
    _ = self.eachLine(of: batch) { ordinal, line in
      if ordinal < self.itemCount,
        RecordLine.kind(of: line, key: self.key(of: ordinal)) == batch.kind
      {
        items.insert(ordinal..<ordinal + 1)
      }
      return true
    }
    return items
  }

  /// Calls `body` with each item of a batch and its line, until it says no.
  ///
  /// - Returns: The size of what was gone through; `nil` where lines are missing.
  private func eachLine(
    of batch: RecordBatch, _ body: (UInt64, UnsafeRawBufferPointer) -> Bool
  ) -> Int? {
    batch.lines.withUnsafeBytes { bytes in
      var start = 0
      for items in batch.items.ranges {
        for ordinal in items {
          guard let end = RecordLineFeeds.first(in: bytes, from: start) else { return nil }
          guard body(ordinal, UnsafeRawBufferPointer(rebasing: bytes[start...end])) else {
            return start
          }
          start = end + 1
        }
      }
      return start
    }
  }
}

package enum WorkPlanError: Error, Equatable {
  /// The value of this name is not one that a plan can have.
  case outOfRange(String)
  /// The text is that of another version.
  case otherVersion(UInt64)
  /// The text is not one that ``WorkPlan/canonicalText`` writes.
  case notCanonical
}

/// The stable key of an item, stamped before anything is split.
package struct ItemKey: Hashable, Sendable {
  /// Counts from 0, below the plan's task count.
  package var taskIndex: UInt64
  /// Counts from 0, below the plan's rollouts per task.
  package var rolloutIndex: UInt64

  package init(taskIndex: UInt64, rolloutIndex: UInt64) {
    self.taskIndex = taskIndex
    self.rolloutIndex = rolloutIndex
  }

  /// The key of an item by its place in the plan.
  ///
  /// - Parameter rolloutsPerTask: At least 1.
  package init(ordinal: UInt64, rolloutsPerTask: UInt64) {
    let (task, rollout) = ordinal.quotientAndRemainder(dividingBy: rolloutsPerTask)
    self.init(taskIndex: task, rolloutIndex: rollout)
  }
}

/// Checks what a node sends before it is stored: a node is semi-trusted.
package struct DispatchCheck: Sendable {
  package enum Verdict: Equatable, Sendable {
    case fine
    /// Damaged on its way or on the node's disk: another delivery may be right.
    case damaged
    /// The node does what no node of ours does.
    case wrong(String)
  }

  private let plan: WorkPlan
  /// The highest sequence number of this stream; 0: none yet.
  private var sequence: UInt64 = 0

  /// One for each stream.
  package init(_ plan: WorkPlan) {
    self.plan = plan
  }

  /// - Parameter deliverable: What the batch's lease lets this node bring (`LeaseMachine`); `nil`: the
  ///   lease is one of an earlier coordinator, of which this one does not know.
  package mutating func check(
    _ batch: RecordBatch, deliverable: OrdinalRangeSet?
  ) -> Verdict {
    guard batch.items.span.upperBound <= self.plan.itemCount else {
      return .wrong("items \(batch.items.span), the work has \(self.plan.itemCount)")
    }
    guard CRC32C.checksum(of: batch.lines) == batch.checksum else { return .damaged }
    if let fault = BatchFrame.limitFault(of: batch.header, size: batch.lines.count)
      ?? self.plan.fault(in: batch)
    {
      return .wrong(fault)
    }
    // So that attempts are left for what this coordinator and later ones lease.
    if deliverable == nil, batch.attempt > BatchFrame.maximumAttempt / 2 {
      return .wrong("attempt \(batch.attempt)")
    }
    // Lower ones are redeliveries; a gap would be a batch that nobody acknowledges.
    // A sequence number is at least 1 here, and may be the highest there is.
    guard self.sequence == 0 || batch.sequence - 1 <= self.sequence else {
      return .wrong("batch \(batch.sequence) after batch \(self.sequence)")
    }
    if let deliverable, !deliverable.contains(batch.items) {
      return .wrong("items \(batch.items.span), which lease \(batch.leaseID) has not")
    }
    self.sequence = max(self.sequence, batch.sequence)
    return .fine
  }
}

/// Why an item has no result: becomes its failure record.
package struct ItemFailure: Error, Equatable {
  /// Short and stable, for counting.
  package var failureClass: String
  /// For people.
  package var message: String

  package init(_ failureClass: String, _ message: String) {
    self.failureClass = failureClass
    self.message = message
  }
}

/// One record: a line of JSON that begins with its key, ended by a line feed.
///
/// Source: simulator.md, section 10, for the keys and their order. A failed item has a line of its
/// own kind: `{"task_index":N,"rollout_index":M,"error":{"class":"…","message":"…"}}`.
package enum RecordLine {
  /// Longer lines are refused: a record of the simulator has 700 bytes, one with a conversation less
  /// than this.
  package static let maximumSize = 4 << 20

  /// The raw value is its name in frames.
  package enum Kind: String, Equatable, Sendable {
    case result, failure
  }

  /// The key and kind of the line that begins `bytes`, from its first bytes alone; `nil` when it does
  /// not begin as every record does.
  package static func head(of bytes: UnsafeRawBufferPointer) -> (key: ItemKey, kind: Kind)? {
    guard let (key, end) = Self.key(of: bytes) else { return nil }
    var scanner = RecordLineScanner(bytes, from: end)
    return (key, scanner.take(#""error":"#) ? .failure : .result)
  }

  /// What the line is, with its line feed, if it is a whole record of the item `key`: one JSON object
  /// without blanks, in UTF-8, of at most ``maximumSize`` bytes, that begins with the key; a failure as
  /// ``failure(of:_:)`` writes it. `nil`: it is none.
  ///
  /// The one check that decides what a worker keeps, what is acknowledged, and what is merged.
  package static func kind(of line: UnsafeRawBufferPointer, key: ItemKey) -> Kind? {
    guard line.count <= Self.maximumSize, let head = Self.head(of: line), head.key == key else {
      return nil
    }
    var scanner = RecordLineScanner(line)
    guard scanner.skipValue(), scanner.take(0x0A), scanner.isAtEnd, Self.isText(line) else {
      return nil
    }
    if head.kind == .failure, Self.failureFields(of: line) == nil { return nil }
    return head.kind
  }

  /// Whether it is UTF-8: mostly it is ASCII, which is seen eight bytes at a time.
  private static func isText(_ line: UnsafeRawBufferPointer) -> Bool {
    var bits: UInt64 = 0
    var index = 0
    while line.count - index >= 8 {
      bits |= line.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      index += 8
    }
    let isASCII = bits & 0x8080_8080_8080_8080 == 0 && line[index...].allSatisfy { $0 < 0x80 }
    return isASCII || String(validating: line, as: UTF8.self) != nil
  }

  /// The key at the head of a line, and the offset of what follows it.
  static func key(of bytes: UnsafeRawBufferPointer) -> (key: ItemKey, end: Int)? {
    var scanner = RecordLineScanner(bytes)
    guard scanner.take(#"{"task_index":"#), let task = scanner.integer(),
      scanner.take(#","rollout_index":"#), let rollout = scanner.integer(), scanner.take(0x2C)
    else { return nil }
    return (ItemKey(taskIndex: task, rolloutIndex: rollout), scanner.index)
  }

  /// The line of a failed item, ended by a line feed; the class cut at 64 bytes, the message at 1,024.
  package static func failure(of key: ItemKey, _ failure: ItemFailure) -> [UInt8] {
    let name = JSONText.quoted(failure.failureClass.cut(toBytes: 64))
    let message = JSONText.quoted(failure.message.cut(toBytes: 1024))
    let head = #"{"task_index":\#(key.taskIndex),"rollout_index":\#(key.rolloutIndex)"#
    return Array(#"\#(head),"error":{"class":\#(name),"message":\#(message)}}\#n"#.utf8)
  }

  /// The class and message of a failure's line as JSON strings with their quotes; `nil` when the line
  /// is not one that ``failure(of:_:)`` could have written.
  static func failureFields(
    of line: UnsafeRawBufferPointer
  ) -> (class: Range<Int>, message: Range<Int>)? {
    guard let (_, end) = Self.key(of: line) else { return nil }
    var scanner = RecordLineScanner(line, from: end)
    guard scanner.take(#""error":{"class":"#), let name = scanner.string(), !name.isEmpty,
      name.count <= 64 * 6, scanner.take(#","message":"#), let message = scanner.string(),
      message.count <= 1024 * 6, scanner.take("}}\n"), scanner.isAtEnd
    else { return nil }
    return (
      name.lowerBound - 1..<name.upperBound + 1, message.lowerBound - 1..<message.upperBound + 1
    )
  }
}

/// Does the items of one kind of work.
///
/// A runner is a value: as many copies of it as may be under way at once work side by side, each on
/// one item at a time, so that one that computes pays for no task, lock or allocation an item.
package protocol ItemRunner: Sendable {
  /// Items that may be under way at once, 1 ... 4,096: 1 for one that computes.
  var concurrencyMax: Int { get }

  /// Appends the record of an item: one line of JSON that begins with its key, ended by a line feed,
  /// without blanks between values.
  /// It may wait for as long as it likes; computing takes milliseconds at most, so that heartbeats
  /// live.
  ///
  /// - Throws: What becomes the item's failure record, best an `ItemFailure`; what was appended is
  ///   dropped. Cancellation ends the worker, not the item.
  mutating func appendRecord(of key: ItemKey, to lines: inout [UInt8]) async throws
}
