/// Reads pages of NVIDIA's DCGM exporter.
///
/// Source: dcgm-exporter 4, `etc/default-counters.csv`; its samples have the labels `gpu` and
/// `modelName`, and `GPU_I_ID` where a GPU is divided.
package struct DCGMScrape: Sendable {
  private enum Field: Int, CaseIterable {
    case utilization
    case memoryUsed
    case memoryFree
    case memoryReserved
    case power
    case temperature
    case errors

    var family: String {
      switch self {
      case .utilization: "DCGM_FI_DEV_GPU_UTIL"
      case .memoryUsed: "DCGM_FI_DEV_FB_USED"
      case .memoryFree: "DCGM_FI_DEV_FB_FREE"
      case .memoryReserved: "DCGM_FI_DEV_FB_RESERVED"
      case .power: "DCGM_FI_DEV_POWER_USAGE"
      case .temperature: "DCGM_FI_DEV_GPU_TEMP"
      case .errors: "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL"
      }
    }
  }

  private static let catalogue = FamilyCatalogue(Field.allCases.map { .gauge($0.family) })
  private static let indexLabel = Array("gpu".utf8)
  private static let modelLabel = Array("modelName".utf8)

  private var scrape: FamilyScrape

  package init(limits: MetricsTextLimits = MetricsTextLimits()) {
    self.scrape = FamilyScrape(Self.catalogue, limits: limits)
  }

  /// - Returns: By ascending index; empty where the page is no exporter's.
  /// - Throws: as ``MetricsPage/read(_:)``.
  package mutating func read(_ text: [UInt8]) throws(MetricsTextError) -> [GPUSample] {
    try self.scrape.read(text)
    var values: [Int: [Double?]] = [:]
    var names: [Int: String] = [:]
    for field in Field.allCases {
      self.scrape.forEachSample(of: field.rawValue) { sample in
        let page = self.scrape.page
        guard let label = page.value(of: Self.indexLabel, in: sample),
          let index = Int(page.string(label)), index >= 0
        else { return }
        if let name = page.value(of: Self.modelLabel, in: sample) {
          names[index] = page.string(name)
        }
        var known = values[index] ?? Array(repeating: nil, count: Field.allCases.count)
        known[field.rawValue] = Self.pooled(field, known[field.rawValue], sample.value)
        values[index] = known
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

  private static func sample(_ index: Int, _ name: String, _ values: [Double?]) -> GPUSample {
    func value(_ field: Field) -> Double? { values[field.rawValue] }
    var sample = GPUSample(index: index, name: name)
    sample.utilizationPercent = value(.utilization)
    sample.memoryUsedMiB = value(.memoryUsed)
    if let used = value(.memoryUsed), let free = value(.memoryFree) {
      sample.memoryTotalMiB = used + free + (value(.memoryReserved) ?? 0)
    }
    sample.powerWatts = value(.power)
    sample.temperatureCelsius = value(.temperature)
    sample.uncorrectedECCErrors = value(.errors).flatMap { Int(exactly: $0) }
    return sample
  }
}
