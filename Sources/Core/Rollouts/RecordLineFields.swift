/// The numbers of a result, and the text by which a report groups it, read in one pass. Made once and
/// filled again for each record, so that reading allocates nothing once its arrays have grown.
struct RecordLineFields {
  struct Field: Equatable {
    /// Where the name of the object that has it lies in the line, without quotes; empty: the record.
    var section: Range<Int>
    var name: Range<Int>
    var value: Double
  }

  /// More numbers than this are refused: simulator.md, section 10, has 23.
  static let maximumFieldCount = 256

  /// The name of the text that groups records; empty: none does.
  let groupField: [UInt8]
  private(set) var key = ItemKey(taskIndex: 0, rolloutIndex: 0)
  /// Offset of what follows the key.
  private(set) var tail = 0
  /// Where the text that groups the record lies, without quotes; empty when there is none.
  private(set) var group = 0..<0
  /// The numbers of the record and of the objects in it, in their order.
  private(set) var fields: [Field] = []

  init(groupField: String? = nil) {
    self.groupField = Array((groupField ?? "").utf8)
  }

  /// Reads the record; false when it is not one JSON object that begins with a key.
  mutating func read(_ line: UnsafeRawBufferPointer) -> Bool {
    guard let (key, tail) = RecordLine.key(of: line) else { return false }
    self.key = key
    self.tail = tail
    self.group = 0..<0
    self.fields.removeAll(keepingCapacity: true)
    var scanner = RecordLineScanner(line, from: tail)
    guard self.readMembers(of: nil, &scanner) else { return false }
    _ = scanner.take(0x0A)
    return scanner.isAtEnd
  }

  /// - Parameter section: Where the name of the object lies whose members come next; `nil`: the record.
  private mutating func readMembers(
    of section: Range<Int>?, _ scanner: inout RecordLineScanner
  ) -> Bool {
    repeat {
      guard let name = scanner.string(), scanner.take(0x3A) else { return false }
      switch scanner.peek {
      case 0x2D, 0x30...0x39:
        guard let value = scanner.number(), self.fields.count < Self.maximumFieldCount else {
          return false
        }
        self.fields.append(Field(section: section ?? 0..<0, name: name, value: value))
      case 0x7B where section == nil:
        guard scanner.take(0x7B), scanner.take(0x7D) || self.readMembers(of: name, &scanner) else {
          return false
        }
      case 0x22 where section == nil:
        guard let value = scanner.string() else { return false }
        if scanner.bytes[name].elementsEqual(self.groupField) { self.group = value }
      default:
        guard scanner.skipValue() else { return false }
      }
    } while scanner.take(0x2C)
    return scanner.take(0x7D)
  }
}
