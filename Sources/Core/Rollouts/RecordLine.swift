import Fleet

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
    case result
    case failure
  }

  /// The key and kind of the line that begins `bytes`, from its first bytes alone; `nil` when it does
  /// not begin as every record does.
  package static func head(of bytes: UnsafeRawBufferPointer) -> (key: ItemKey, kind: Kind)? {
    guard let (key, end) = Self.key(of: bytes) else { return nil }
    var scanner = RecordLineScanner(bytes, from: end)
    return (key, scanner.take(#""error":"#) ? .failure : .result)
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
    let name = JSONText.quoted(Self.cut(failure.failureClass, to: 64))
    let message = JSONText.quoted(Self.cut(failure.message, to: 1024))
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

  private static func cut(_ text: String, to size: Int) -> String {
    var end =
      text.utf8.index(
        text.startIndex, offsetBy: size, limitedBy: text.endIndex) ?? text.endIndex
    while end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
    return String(text[..<end])
  }
}

/// Finds and counts line feeds eight bytes at a time.
///
/// Source: the exact zero-byte test of Warren, "Hacker's Delight", section 6-1, on bytes that were
/// XORed with the line feed.
package enum RecordLineFeeds {
  private static let low: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
  private static let pattern: UInt64 = 0x0A0A_0A0A_0A0A_0A0A

  /// The high bit of every byte that is a line feed; no false ones.
  @inline(__always)
  private static func marks(_ word: UInt64) -> UInt64 {
    let word = word ^ Self.pattern
    return ~((word & Self.low) &+ Self.low | word | Self.low)
  }

  /// The number of line feeds in `bytes`.
  package static func count(in bytes: UnsafeRawBufferPointer) -> Int {
    var count = 0
    var index = 0
    while bytes.count - index >= 8 {
      let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      count += Self.marks(word).nonzeroBitCount
      index += 8
    }
    while index < bytes.count {
      count += bytes[index] == 0x0A ? 1 : 0
      index += 1
    }
    return count
  }

  /// The offset of the first line feed at or after `start`; `nil` without one.
  package static func first(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    var index = start
    while bytes.count - index >= 8 {
      let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self).littleEndian
      let marks = Self.marks(word)
      if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
      index += 8
    }
    while index < bytes.count {
      if bytes[index] == 0x0A { return index }
      index += 1
    }
    return nil
  }
}
