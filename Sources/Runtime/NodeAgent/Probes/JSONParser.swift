/// Reads one JSON text from bytes.
struct JSONParser {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) {
    self.rest = bytes[...]
  }

  mutating func document() -> JSONValue? {
    guard let value = self.value(depth: 0) else { return nil }
    self.skipSpace()
    return self.rest.isEmpty ? value : nil
  }

  private mutating func value(depth: Int) -> JSONValue? {
    guard depth < JSONValue.depthMax else { return nil }
    self.skipSpace()
    switch self.rest.first {
    case UInt8(ascii: "{"): return self.object(depth: depth)
    case UInt8(ascii: "["): return self.array(depth: depth)
    case UInt8(ascii: "\""): return self.string().map { .string($0) }
    default: return self.word()
    }
  }

  private mutating func object(depth: Int) -> JSONValue? {
    self.rest.removeFirst()
    var members: [String: JSONValue] = [:]
    if self.take(UInt8(ascii: "}")) { return .object(members) }
    while true {
      self.skipSpace()
      guard self.rest.first == UInt8(ascii: "\""), let name = self.string(),
        self.take(UInt8(ascii: ":")), let value = self.value(depth: depth + 1)
      else { return nil }
      members[name] = value
      if self.take(UInt8(ascii: "}")) { return .object(members) }
      guard self.take(UInt8(ascii: ",")) else { return nil }
    }
  }

  private mutating func array(depth: Int) -> JSONValue? {
    self.rest.removeFirst()
    var elements: [JSONValue] = []
    if self.take(UInt8(ascii: "]")) { return .array(elements) }
    while true {
      guard let value = self.value(depth: depth + 1) else { return nil }
      elements.append(value)
      if self.take(UInt8(ascii: "]")) { return .array(elements) }
      guard self.take(UInt8(ascii: ",")) else { return nil }
    }
  }

  private mutating func string() -> String? {
    self.rest.removeFirst()
    var units: [UInt16] = []
    var bytes: [UInt8] = []
    while let byte = self.rest.popFirst() {
      switch byte {
      case UInt8(ascii: "\""):
        return String(decoding: bytes, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard let unit = self.escape() else { return nil }
        units.append(unit)
        // The first half of a pair waits for the second.
        if UTF16.isLeadSurrogate(unit), self.rest.first == UInt8(ascii: "\\") { continue }
        bytes += String(decoding: units, as: UTF16.self).utf8
        units = []
      default: bytes.append(byte)
      }
    }
    return nil
  }

  /// What follows a backslash.
  private mutating func escape() -> UInt16? {
    switch self.rest.popFirst() {
    case UInt8(ascii: "\""): return 0x22
    case UInt8(ascii: "\\"): return 0x5C
    case UInt8(ascii: "/"): return 0x2F
    case UInt8(ascii: "b"): return 0x08
    case UInt8(ascii: "f"): return 0x0C
    case UInt8(ascii: "n"): return 0x0A
    case UInt8(ascii: "r"): return 0x0D
    case UInt8(ascii: "t"): return 0x09
    case UInt8(ascii: "u"):
      guard self.rest.count >= 4 else { return nil }
      let digits = String(decoding: self.rest.prefix(4), as: UTF8.self)
      self.rest = self.rest.dropFirst(4)
      return UInt16(digits, radix: 16)
    default: return nil
    }
  }

  /// `true`, `false`, `null`, or a number.
  private mutating func word() -> JSONValue? {
    let end = self.rest.firstIndex { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "E"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
        false
      default: true
      }
    }
    let word = String(decoding: self.rest[..<(end ?? self.rest.endIndex)], as: UTF8.self)
    self.rest = self.rest[(end ?? self.rest.endIndex)...]
    switch word {
    case "true": return .bool(true)
    case "false": return .bool(false)
    case "null": return .null
    default: return Double(word) == nil ? nil : .number(word)
    }
  }

  private mutating func skipSpace() {
    self.rest = self.rest.drop { byte in
      byte == UInt8(ascii: " ") || (9...13).contains(byte)
    }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    self.skipSpace()
    guard self.rest.first == byte else { return false }
    self.rest.removeFirst()
    return true
  }
}
