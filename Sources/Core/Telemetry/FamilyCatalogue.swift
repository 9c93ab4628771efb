/// The families that somebody wants to know about, and which sample belongs to which of them.
///
/// Names are looked up in a table of the wanted ones, never in one of those that a text has: no text
/// can make it slow.
package struct FamilyCatalogue: Sendable {
  package enum Family: Equatable, Sendable {
    /// With or without `_total`; its samples are found under both names.
    case counter(String)
    /// Any samples of exactly this name.
    case gauge(String)
    /// The name without `_bucket`, `_sum` and `_count`.
    case histogram(String)
  }

  /// What the samples of one name are to their family; the raw value counts within the family.
  enum Part: Int, CaseIterable {
    /// A gauge's samples, a counter's `…_total`, a histogram's `…_bucket`.
    case main
    /// A counter's samples without `_total`, a histogram's `…_sum`.
    case second
  }

  /// In the order given to the initializer.
  package let families: [Family]
  /// Names and places, at a slot that their hash chooses or the next that was free.
  private var slots: [(name: [UInt8], place: Int)?]

  /// - Parameter families: No two of which have samples of one name.
  package init(_ families: [Family]) {
    self.families = families
    // A power of two, at most three eighths full.
    let size = max(8, families.count * Part.allCases.count * 8 / 3)
    self.slots = Array(repeating: nil, count: 1 << (Int.bitWidth - size.leadingZeroBitCount))
    for (index, family) in families.enumerated() {
      for (part, name) in zip(Part.allCases, Self.names(family)) {
        self.insert(Array(name.utf8), Self.place(index, part))
      }
    }
  }

  /// The number of places: one for each part of each family.
  var placeCount: Int { self.families.count * Part.allCases.count }

  static func place(_ family: Int, _ part: Part) -> Int {
    family * Part.allCases.count + part.rawValue
  }

  /// The place of the samples with that name; `nil` when nobody wants them.
  ///
  /// - Parameters:
  ///   - bytes: With eight bytes more behind the name.
  ///   - name: Without escapes.
  func place(of name: TextSpan, in bytes: UnsafeRawBufferPointer) -> Int? {
    var index = Int(Self.hash(bytes, name.range)) & (self.slots.count - 1)
    while let slot = self.slots[index] {
      if slot.name.count == name.count, bytes.equal(Int(name.start), slot.name) {
        return slot.place
      }
      index = (index + 1) & (self.slots.count - 1)
    }
    return nil
  }

  private static func names(_ family: Family) -> [String] {
    switch family {
    case .gauge(let name): return [name]
    case .histogram(let name): return ["\(name)_bucket", "\(name)_sum"]
    case .counter(let name):
      let base = name.hasSuffix("_total") ? String(name.dropLast("_total".count)) : name
      return ["\(base)_total", base]
    }
  }

  private mutating func insert(_ name: [UInt8], _ place: Int) {
    let padded = name + [UInt8](repeating: 0, count: 8)
    let hash = padded.withUnsafeBytes { Self.hash($0, 0..<name.count) }
    var index = Int(hash) & (self.slots.count - 1)
    while let slot = self.slots[index] {
      precondition(slot.name != name, "wanted twice: \(String(decoding: name, as: UTF8.self))")
      index = (index + 1) & (self.slots.count - 1)
    }
    self.slots[index] = (name, place)
  }

  /// Words multiplied into each other as in FNV-1a, by an odd number with many bits; the upper half,
  /// which every byte reaches.
  private static func hash(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> UInt32 {
    var hash = UInt64(truncatingIfNeeded: range.count)
    var index = range.lowerBound
    while index < range.upperBound {
      let rest = range.upperBound - index
      let word = bytes.word(at: index)
      hash ^= rest < 8 ? word & (1 << UInt64(rest * 8) - 1) : word
      hash = hash &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 32
      index += 8
    }
    return UInt32(truncatingIfNeeded: hash)
  }
}
