/// A number of bytes, written `300MB` (powers of 1000) or `4GiB` (powers of 1024).
package struct ByteCount: Hashable, Comparable, Sendable {
  /// At least 0.
  package let bytes: Int

  /// - Parameter bytes: At least 0.
  package init(_ bytes: Int) {
    precondition(bytes >= 0, "a negative size: \(bytes)")
    self.bytes = bytes
  }

  package static func < (lhs: Self, rhs: Self) -> Bool { lhs.bytes < rhs.bytes }

  private static let units: [(name: String, size: Int)] = [
    ("B", 1), ("kB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
  ]

  /// Reads a number, with up to three decimals, and a unit: `B` `kB` `MB` `GB` `TB` `KiB` `MiB`
  /// `GiB` `TiB`, in upper or lower case, white space allowed before it; without a unit, bytes.
  ///
  /// - Returns: `nil` for anything else, for parts of a byte, and for 2^63 bytes and more.
  package init?(_ text: String) {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let unit = text[digits.endIndex...].drop { $0 == " " }.lowercased()
    let size = unit.isEmpty ? 1 : Self.units.first { $0.name.lowercased() == unit }?.size
    let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
    guard let size, let whole = parts.first.flatMap({ Int($0) }), parts.count <= 2 else {
      return nil
    }
    let decimals = parts.count == 2 ? parts[1] : "0"
    guard let fraction = Int(decimals), decimals.utf8.count <= 3 else { return nil }
    let divisor = decimals.utf8.reduce(1) { product, _ in product * 10 }
    let (product, overflows) = whole.multipliedReportingOverflow(by: size)
    let (rest, isUneven) = (fraction * size / divisor, fraction * size % divisor != 0)
    let (sum, sumOverflows) = product.addingReportingOverflow(rest)
    guard !overflows, !sumOverflows, !isUneven else { return nil }
    self.bytes = sum
  }
}

extension ByteCount: CustomStringConvertible {
  /// With three digits or the whole bytes, in powers of 1000: `999 B`, `1.50 GB`, `24.0 MB`.
  package var description: String {
    let names = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]
    var (unit, size) = (0, 1)
    // The next unit begins where three digits of this one would round to 1000.
    while unit + 1 < names.count, self.bytes >= (unit == 0 ? 1000 : size * 1000 - size / 2) {
      unit += 1
      size *= 1000
    }
    if unit == 0 { return "\(self.bytes) B" }
    for (decimals, scale) in [(2, 100), (1, 10), (0, 1)] {
      let step = size / scale
      let value = self.bytes / step + (self.bytes % step >= (step + 1) / 2 ? 1 : 0)
      guard value < 1000 || decimals == 0 else { continue }
      let (whole, fraction) = (value / scale, value % scale)
      if decimals == 0 { return "\(whole) \(names[unit])" }
      let padding = String(repeating: "0", count: decimals - String(fraction).utf8.count)
      return "\(whole).\(padding)\(fraction) \(names[unit])"
    }
    return "\(self.bytes) B"
  }
}
