import Fleet
@testable import KVCacheSimulator
import Testing

struct JSONBytesTests {
  private static func text(_ write: (inout [UInt8]) -> Void) -> String {
    var bytes: [UInt8] = []
    write(&bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test(arguments: [
    0.0, -0.0, 1, -0.15, 0.1, 0.61, 1e-05, 1.5e-07, 0.0001, 0.001, 0.0005, 123.456, 1e9, 1e15, 1e16,
    1e22, 0.1 + 0.2, 0.3466666666666667, 12.644748144274136, 999_999_999.999, 0.29999999999999993,
    .leastNonzeroMagnitude, .greatestFiniteMagnitude, -12.5, 100.25, 0.005, 10.05,
  ])
  func `a double is written as its shortest decimal`(value: Double) {
    #expect(Self.text { $0.append(shortest: value) } == value.description)
  }

  @Test func `random doubles are written as their shortest decimals`() {
    var generator = SplitMix64(state: 5)
    for _ in 0..<20_000 {
      let bits = Double(bitPattern: generator.next())
      let thousandths = Double(generator.int(-2_000_000, 2_000_000)) / 1000
      for value in [bits, thousandths, thousandths.nextUp, generator.uniform()]
      where value.isFinite {
        #expect(Self.text { $0.append(shortest: value) } == value.description)
      }
    }
  }

  @Test(arguments: [
    (0.0, "0.000"), (1, "1.000"), (0.25, "0.250"), (0.0005, "0.001"), (0.00049, "0.000"),
    (0.9995, "1.000"), (0.6771397616468039, "0.677"), (12.0625, "12.063"),
  ])
  func `a fraction has three decimals`(value: Double, text: String) {
    #expect(Self.text { $0.append(fraction: value) } == text)
  }

  @Test(arguments: [0, 7, 10, 99, 100, 12_345, -1, -10, Int.max, Int.min])
  func `an integer is written in decimal`(value: Int) {
    #expect(Self.text { $0.append(decimal: value) } == "\(value)")
  }

  @Test func `the largest seed is written whole`() {
    #expect(Self.text { $0.append(decimal: UInt64.max) } == "18446744073709551615")
  }
}
