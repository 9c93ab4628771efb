/// The fields of a result that a report needs, read in one pass. Made once and filled again for each
/// record, so that reading allocates nothing once its arrays have grown.
struct RecordLineFields {
  struct Field: Equatable {
    /// Where the name lies in the line, without quotes.
    var name: Range<Int>
    var value: Double
  }

  /// More names in a group than this are refused: simulator.md, section 10, has 14.
  static let maximumFieldCount = 256

  var key = ItemKey(taskIndex: 0, rolloutIndex: 0)
  /// Offset of what follows the key.
  var tail = 0
  /// Where the value lies, without quotes; empty when there is none.
  var difficulty = 0..<0
  var reward: Double?
  var rewards: [Field] = []
  var metrics: [Field] = []

  /// Reads the record; false when it is not one JSON object that begins with a key and has a reward.
  mutating func read(_ line: UnsafeRawBufferPointer) -> Bool {
    guard let (key, tail) = RecordLine.key(of: line) else { return false }
    self.key = key
    self.tail = tail
    self.difficulty = 0..<0
    self.reward = nil
    self.rewards.removeAll(keepingCapacity: true)
    self.metrics.removeAll(keepingCapacity: true)
    var scanner = RecordLineScanner(line, from: tail)
    repeat {
      guard let name = scanner.string(), scanner.take(0x3A) else { return false }
      guard self.readValue(of: line, name, &scanner) else { return false }
    } while scanner.take(0x2C)
    guard scanner.take(0x7D) else { return false }
    _ = scanner.take(0x0A)
    return scanner.isAtEnd && self.reward != nil
  }

  private mutating func readValue(
    of line: UnsafeRawBufferPointer, _ name: Range<Int>, _ scanner: inout RecordLineScanner
  ) -> Bool {
    let bytes = UnsafeRawBufferPointer(rebasing: line[name])
    if bytes.elementsEqual("reward".utf8) {
      self.reward = scanner.number()
      return self.reward != nil
    }
    if bytes.elementsEqual("rewards".utf8) { return Self.read(&scanner, into: &self.rewards) }
    if bytes.elementsEqual("metrics".utf8) { return Self.read(&scanner, into: &self.metrics) }
    if bytes.elementsEqual("difficulty".utf8) {
      guard let value = scanner.string() else { return false }
      self.difficulty = value
      return true
    }
    return scanner.skipValue()
  }

  private static func read(_ scanner: inout RecordLineScanner, into fields: inout [Field]) -> Bool {
    guard scanner.take(0x7B) else { return false }
    if scanner.take(0x7D) { return true }
    repeat {
      guard let name = scanner.string(), scanner.take(0x3A), let value = scanner.number(),
        fields.count < Self.maximumFieldCount
      else { return false }
      fields.append(Field(name: name, value: value))
    } while scanner.take(0x2C)
    return scanner.take(0x7D)
  }
}
