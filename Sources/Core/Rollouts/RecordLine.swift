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

  /// The line of a failed item, ended by a line feed.
  ///
  /// - Parameters:
  ///   - failureClass: Short and stable, for counting; cut at 64 bytes.
  ///   - message: For people; cut at 1,024 bytes.
  package static func failure(
    of key: ItemKey, class failureClass: String, message: String
  ) -> [UInt8] {
    var line = Array(
      #"{"task_index":\#(key.taskIndex),"rollout_index":\#(key.rolloutIndex),"error":{"class":"#
        .utf8
    )
    Self.appendString(Self.cut(failureClass, to: 64), to: &line)
    line += #","message":"#.utf8
    Self.appendString(Self.cut(message, to: 1024), to: &line)
    line += "}}\n".utf8
    return line
  }

  /// The class and message of a failure's line as JSON strings with their quotes; `nil` when the line
  /// is not one that ``failure(of:class:message:)`` could have written.
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

  private static func cut(_ text: String, to size: Int) -> Substring {
    var end =
      text.utf8.index(
        text.startIndex, offsetBy: size, limitedBy: text.endIndex) ?? text.endIndex
    while end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
    return text[..<end]
  }

  /// JSON's string of `text` with its quotes: only what must be escaped is.
  static func appendString(_ text: some StringProtocol, to line: inout [UInt8]) {
    let digits = Array("0123456789abcdef".utf8)
    line.append(0x22)
    for byte in text.utf8 {
      switch byte {
      case 0x22, 0x5C: line += [0x5C, byte]
      case 0x0A: line += #"\n"#.utf8
      case 0..<0x20:
        line += Array(#"\u00"#.utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      default: line.append(byte)
      }
    }
    line.append(0x22)
  }
}
