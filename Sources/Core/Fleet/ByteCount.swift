/// A number of bytes, as it is shown.
package struct ByteCount: CustomStringConvertible, Sendable {
  private let bytes: Int

  /// - Parameter bytes: At least 0.
  package init(_ bytes: Int) {
    precondition(bytes >= 0, "a negative size: \(bytes)")
    self.bytes = bytes
  }

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
      return "\(whole).\(fraction.digits(decimals)) \(names[unit])"
    }
    return "\(self.bytes) B"
  }
}
