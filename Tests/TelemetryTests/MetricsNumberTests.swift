import Fleet
import Testing

@testable import Telemetry

struct MetricsNumberTests {
  private static func read(_ text: String) -> Double? {
    let bytes = Array(text.utf8) + [0x0A]
    return bytes.withUnsafeBytes { bytes in
      var index = 0
      let value = MetricsNumber.read(bytes, from: &index)
      return value == nil || index == bytes.count - 1 ? value : nil
    }
  }

  @Test(arguments: [
    "0", "-0", "0.0", "00012", "1.", ".5", "-.5e1", "9007199254740993", "9007199254740992.5",
    "9007199254740993e1", "18446744073709551615", "9999999999999999999", "99999999999999999999",
    "1e22", "1e23", "1e308", "1.7976931348623157e308", "1.7976931348623159e308", "1e309", "1e-400",
    "5e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "2.2250738585072011e-308",
    "1e99999999999999999999", "1e-99999999999999999999", "0e99999999999999999999",
    "1.7952334052617207e+09", "0.30000000000000004", "8.5e+0", "1E5",
    // Halfway between two doubles but for bits far behind the first 64.
    "7695966732521803279e15", "7296518391795015238e14",
    "0.000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
  ])
  func `numbers round as strtod does`(text: String) throws {
    let value = try #require(Self.read(text))
    #expect(value.bitPattern == strtod(text).bitPattern, "\(text): \(value)")
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func `100,000 random numbers round as strtod does`(seed: UInt64) throws {
    var random = SplitMix64(state: seed)
    for _ in 0..<25_000 {
      var text = String(random.next() >> (random.next() % 64))
      if random.next() % 2 == 0 {
        let offset = Int(random.next() % UInt64(text.count + 1))
        text.insert(".", at: text.index(text.startIndex, offsetBy: offset))
      }
      if random.next() % 2 == 0 { text += "e\(Int(random.next() % 50) - 25)" }
      // Every second is the shortest form of some double, as clients write them.
      if random.next() % 2 == 0 {
        let value = Double(bitPattern: random.next())
        text =
          random.next() % 2 == 0 || !value.isFinite
          ? "\(Double(random.next() >> 11) / 1e6)" : "\(value)"
      }
      let value = Self.read(text)
      if value?.bitPattern != strtod(text).bitPattern {
        Issue.record("\(text): \(String(describing: value))")
      }
    }
  }

  @Test func `a number of more digits than any double needs is none`() {
    #expect(
      Self.read(String(repeating: "1", count: 300)) == strtod(String(repeating: "1", count: 300)))
    #expect(Self.read(String(repeating: "1", count: 1201)) == nil)
  }
}
