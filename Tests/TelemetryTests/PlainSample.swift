@testable import Telemetry

/// A sample with everything that belongs to it, in types that compare.
struct PlainSample: Equatable {
  var name: [UInt8]
  var labels: [[UInt8]: [UInt8]]
  /// The bits of the value, one pattern for every NaN.
  var value: UInt64
  /// In seconds.
  var timestamp: Double?

  static func bits(_ value: Double) -> UInt64 {
    value.isNaN ? Double.nan.bitPattern : value.bitPattern
  }

  /// All samples of a page, in order.
  static func samples(of page: MetricsPage) -> [PlainSample] {
    func labels(_ range: Range<Int>) -> [[UInt8]: [UInt8]] {
      page.labels[range].reduce(into: [:]) { $0[page.bytes($1.name)] = page.bytes($1.value) }
    }
    var samples = page.samples.map { sample in
      PlainSample(
        name: page.bytes(sample.name), labels: labels(sample.labels),
        value: Self.bits(sample.value))
    }
    for timestamp in page.timestamps {
      samples[timestamp.sample].timestamp =
        page.isOpenMetrics ? timestamp.number : timestamp.number / 1000
    }
    return samples
  }
}
