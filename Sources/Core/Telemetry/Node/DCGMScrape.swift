/// Reads pages of NVIDIA's DCGM exporter.
///
/// Source: dcgm-exporter 4, `etc/default-counters.csv`; its samples have the labels `gpu` and
/// `modelName`, and `GPU_I_ID` where a GPU is divided.
package struct DCGMScrape: Sendable {
  /// After `DCGM_FI_DEV_`.
  private enum Field: String, CaseIterable {
    case utilization = "GPU_UTIL"
    case memoryUsed = "FB_USED"
    case memoryFree = "FB_FREE"
    case memoryReserved = "FB_RESERVED"
    case power = "POWER_USAGE"
    case temperature = "GPU_TEMP"
    case errors = "ECC_DBE_VOL_TOTAL"
  }

  private static let catalogue = FamilyCatalogue(
    Field.allCases.map { .gauge("DCGM_FI_DEV_\($0.rawValue)") })
  private static let indexLabel = Array("gpu".utf8)
  private static let modelLabel = Array("modelName".utf8)

  private var scrape = FamilyScrape(Self.catalogue)

  package init() {}

  /// - Returns: By ascending index; empty where the page is no exporter's.
  /// - Throws: as ``MetricsPage/read(_:)``.
  package mutating func read(_ text: [UInt8]) throws(MetricsTextError) -> [GPUSample] {
    try self.scrape.read(text)
    var values: [Int: [Field: Double]] = [:]
    var names: [Int: String] = [:]
    for (place, field) in Field.allCases.enumerated() {
      self.scrape.forEachSample(of: place) { sample in
        let page = self.scrape.page
        guard let label = page.value(of: Self.indexLabel, in: sample),
          let index = Int(page.string(label)), index >= 0
        else { return }
        if let name = page.value(of: Self.modelLabel, in: sample) {
          names[index] = page.string(name)
        }
        let known = values[index]?[field]
        values[index, default: [:]][field] = Self.pooled(field, known, sample.value)
      }
    }
    return values.sorted { $0.key < $1.key }.map { index, values in
      Self.sample(index, names[index] ?? "", values)
    }
  }

  /// The instances of a divided GPU: their memory adds up, of the rest the largest counts. Values
  /// that DCGM does not know are larger than any real one.
  private static func pooled(_ field: Field, _ one: Double?, _ other: Double) -> Double? {
    guard other.isFinite, (0..<1e12).contains(other) else { return one }
    guard let one else { return other }
    switch field {
    case .memoryUsed, .memoryFree, .memoryReserved: return one + other
    case .utilization, .power, .temperature, .errors: return max(one, other)
    }
  }

  private static func sample(
    _ index: Int, _ name: String, _ values: [Field: Double]
  ) -> GPUSample {
    var sample = GPUSample(index: index, name: name)
    sample.utilizationPercent = values[.utilization]
    sample.memoryUsedMiB = values[.memoryUsed]
    if let used = values[.memoryUsed], let free = values[.memoryFree] {
      sample.memoryTotalMiB = used + free + (values[.memoryReserved] ?? 0)
    }
    sample.powerWatts = values[.power]
    sample.temperatureCelsius = values[.temperature]
    sample.uncorrectedECCErrors = values[.errors].flatMap { Int(exactly: $0) }
    return sample
  }
}
