/// The numbers of a result, and the text by which a report groups it, read in one pass. Made once and
/// filled again for each record, so that reading allocates nothing once its arrays have grown.
struct RecordLineFields {
  /// A name that some record has.
  struct Member {
    /// The name of the object that has it; empty: the record.
    var section: String
    var name: String
    fileprivate var place: Place
    fileprivate var isGroup: Bool
  }

  fileprivate struct Place: Hashable {
    /// The object's position among ``members``; `nil`: the record.
    var parent: Int?
    /// As it stands in a line: `"name":`.
    var text: [UInt8]
  }

  struct Field: Equatable {
    /// Its position among ``members``.
    var member: Int
    var value: Double
  }

  /// Numbers beyond these are passed over: simulator.md, section 10, has 23. So are those that are not
  /// finite.
  private static let maximumFieldCount = 256
  /// Names beyond these are passed over: they come from nodes.
  private static let maximumMemberCount = 1024

  /// The name of the text that groups records, as it stands in a line.
  private let groupText: [UInt8]?
  private(set) var key = ItemKey(taskIndex: 0, rolloutIndex: 0)
  /// Offset of what follows the key.
  private(set) var tail = 0
  /// Where the text that groups the record lies, without quotes; empty when there is none.
  private(set) var group = 0..<0
  /// The numbers of the record and of the objects in it, in their order.
  private(set) var fields: [Field] = []
  /// The names of all records so far, in the order in which they came first.
  private(set) var members: [Member] = []
  /// Their positions, for look-ups only.
  private var positions: [Place: Int] = [:]
  /// The member that should come next. Records of one work have the same names in the same order, so
  /// that the first guess is right.
  private var next = 0

  init(groupField: String? = nil) {
    self.groupText = groupField.map { Array("\"\($0)\":".utf8) }
  }

  /// Reads the record; false when it is not one JSON object that begins with a key.
  mutating func read(_ line: UnsafeRawBufferPointer) -> Bool {
    guard let (key, tail) = RecordLine.key(of: line) else { return false }
    self.key = key
    self.tail = tail
    self.group = 0..<0
    self.fields.removeAll(keepingCapacity: true)
    self.next = 0
    var scanner = RecordLineScanner(line, from: tail)
    guard self.readMembers(of: nil, &scanner) else { return false }
    _ = scanner.take(0x0A)
    return scanner.isAtEnd
  }

  /// - Parameter parent: The object whose members come next; `nil`: the record.
  private mutating func readMembers(of parent: Int?, _ scanner: inout RecordLineScanner) -> Bool {
    repeat {
      guard let member = self.readName(in: parent, &scanner) else { return false }
      self.next = member + 1
      let isKnown = member < self.members.count
      switch scanner.peek {
      case 0x2D, 0x30...0x39:
        guard let value = scanner.number() else { return false }
        if isKnown, value.isFinite, self.fields.count < Self.maximumFieldCount {
          self.fields.append(Field(member: member, value: value))
        }
      case 0x7B where parent == nil && isKnown:
        guard scanner.take(0x7B), scanner.take(0x7D) || self.readMembers(of: member, &scanner)
        else { return false }
      case 0x22 where parent == nil && isKnown:
        guard let value = scanner.string() else { return false }
        if self.members[member].isGroup { self.group = value }
      default:
        guard scanner.skipValue() else { return false }
      }
    } while scanner.take(0x2C)
    return scanner.take(0x7D)
  }

  /// Reads a name and its colon.
  ///
  /// - Returns: Its position among ``members``, beyond the last one for what is passed over; `nil`
  ///   where there is no name.
  private mutating func readName(in parent: Int?, _ scanner: inout RecordLineScanner) -> Int? {
    if self.next < self.members.count, self.members[self.next].place.parent == parent,
      scanner.take(self.members[self.next].place.text)
    {
      return self.next
    }
    guard let name = scanner.string(), scanner.take(0x3A) else { return nil }
    let text = Array(scanner.bytes[name.lowerBound - 1...name.upperBound + 1])
    let place = Place(parent: parent, text: text)
    if let known = self.positions[place] { return known }
    let isGroup = parent == nil && text == self.groupText
    let position = self.members.count
    if isGroup || position < Self.maximumMemberCount {
      self.positions[place] = position
      self.members.append(
        Member(
          section: parent.map { self.members[$0].name } ?? "",
          name: String(decoding: scanner.bytes[name], as: UTF8.self), place: place,
          isGroup: isGroup))
    }
    return position
  }
}
