import Fleet

/// What one GPU says about itself; `nil` is what its driver does not say.
package struct GPUSample: Codable, Equatable, Sendable {
  /// As the node counts, from 0.
  package var index: Int
  package var name: String
  /// 0 to 100: share of the last moments in which a kernel ran.
  package var utilizationPercent: Double?
  package var memoryUsedMiB: Double?
  package var memoryTotalMiB: Double?
  package var powerWatts: Double?
  package var temperatureCelsius: Double?
  /// Since the driver was loaded.
  package var uncorrectedECCErrors: Int?

  package init(index: Int, name: String) {
    self.index = index
    self.name = name
  }
}

/// The lines of `nvidia-smi`.
extension GPUSample {
  /// What `nvidia-smi` has to be asked for, in this order, and how.
  package static let queryArguments = [
    "--query-gpu=timestamp,index,name,utilization.gpu,memory.used,memory.total,power.draw,"
      + "temperature.gpu,ecc.errors.uncorrected.volatile.total",
    "--format=csv,noheader,nounits",
  ]

  private static let numberCount = 6

  /// A line of that output, without its line feed; `nil` where it is none, such as a message.
  ///
  /// A value that is no number, such as `[N/A]`, `[Not Supported]` or `ERR!`, is `nil`.
  package init?(line: String) {
    let fields = line.split(separator: ",", omittingEmptySubsequences: false)
      .map { $0.trimming { $0 == " " || $0 == "\r" } }
    guard fields.count >= 3 + Self.numberCount, let index = Int(fields[1]), index >= 0 else {
      return nil
    }
    // Only the name may have a comma.
    let values = fields.suffix(Self.numberCount).map { field in
      Double(field).flatMap { $0.isFinite && $0 >= 0 ? $0 : nil }
    }
    let name = fields[2..<fields.count - Self.numberCount].joined(separator: ", ")
    self.init(index: index, name: name)
    self.utilizationPercent = values[0]
    self.memoryUsedMiB = values[1]
    self.memoryTotalMiB = values[2]
    self.powerWatts = values[3]
    self.temperatureCelsius = values[4]
    self.uncorrectedECCErrors = values[5].flatMap { Int(exactly: $0) }
  }
}

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
