/// Reads pages of NVIDIA's DCGM exporter.
///
/// A GPU that containers share has a row for each of them, and all of them say the same of the whole GPU.
/// One that is divided has rows of its instances, with the label `GPU_I_ID`, and each says its own.
///
/// Source: dcgm-exporter 4, `etc/default-counters.csv`, and its labels; DCGM's `dcgm_fields.h` for values
/// that are none.
package struct DCGMScrape: Sendable {
  /// Without `DCGM_FI_`.
  fileprivate enum Field: String, CaseIterable {
    case utilization = "DEV_GPU_UTIL"
    /// 0 to 1; what a divided GPU says instead.
    case engineActive = "PROF_GR_ENGINE_ACTIVE"
    case memoryUsed = "DEV_FB_USED"
    case memoryFree = "DEV_FB_FREE"
    case memoryReserved = "DEV_FB_RESERVED"
    case memoryTotal = "DEV_FB_TOTAL"
    case power = "DEV_POWER_USAGE"
    case temperature = "DEV_GPU_TEMP"
    case errors = "DEV_ECC_DBE_VOL_TOTAL"

    /// From here on a value says that there is none: `DCGM_INT32_BLANK` and all others.
    private static let blankFrom = 2_147_483_632.0

    func isKnown(_ value: Double) -> Bool {
      switch self {
      case .utilization: (0...100).contains(value)
      case .engineActive: (0...1).contains(value)
      case .memoryUsed, .memoryFree, .memoryReserved, .memoryTotal, .power, .temperature, .errors:
        (0..<Self.blankFrom).contains(value)
      }
    }
  }

  fileprivate typealias Values = [Field: Double]

  private static let catalogue = FamilyCatalogue(
    Field.allCases.map { .gauge("DCGM_FI_\($0.rawValue)") })
  private static let identityLabels = ["UUID", "uuid"].map { Array($0.utf8) }
  private static let indexLabels = ["gpu", "device"].map { Array($0.utf8) }
  private static let instanceLabels = ["GPU_I_ID", "GPU_I_PROFILE"].map { Array($0.utf8) }
  private static let modelLabels = [Array("modelName".utf8)]

  private var scrape = FamilyScrape(Self.catalogue)

  package init() {}

  /// - Returns: By ascending index; empty where the page is no exporter's.
  /// - Throws: as ``MetricsPage/read(_:)``.
  package mutating func read(_ text: [UInt8]) throws(MetricsTextError) -> [GPUSample] {
    try self.scrape.read(text)
    var indices = self.indicesByIdentity()
    var gpus: [Int: GPU] = [:]
    for (place, field) in Field.allCases.enumerated() {
      self.scrape.forEachSample(of: place) { sample in
        let identity = self.label(Self.identityLabels, of: sample)
        guard let index = self.index(of: sample) ?? identity.flatMap({ indices.number($0) }) else {
          return
        }
        gpus[index, default: GPU()].add(
          sample.value, field, of: self.label(Self.instanceLabels, of: sample),
          name: self.label(Self.modelLabels, of: sample))
      }
    }
    return gpus.sorted { $0.key < $1.key }.map { $1.sample(index: $0) }
  }

  /// Rows of one GPU may have its index or not.
  private func indicesByIdentity() -> Identities {
    var identities = Identities()
    for place in Field.allCases.indices {
      self.scrape.forEachSample(of: place) { sample in
        if let identity = self.label(Self.identityLabels, of: sample),
          let index = self.index(of: sample)
        {
          identities.indices[identity] = index
        }
      }
    }
    return identities
  }

  /// Of `gpu="3"`, or else `device="nvidia3"`.
  private func index(of sample: MetricsPage.Sample) -> Int? {
    for label in Self.indexLabels {
      guard let text = self.label([label], of: sample) else { continue }
      let digits = text.hasPrefix("nvidia") ? text.dropFirst("nvidia".count) : text[...]
      if let index = Int(digits), index >= 0 { return index }
    }
    return nil
  }

  /// The first of the labels that is there and says something.
  private func label(_ names: [[UInt8]], of sample: MetricsPage.Sample) -> String? {
    for name in names {
      guard let span = self.scrape.page.value(of: name, in: sample) else { continue }
      let text = self.scrape.page.string(span)
      if !text.isEmpty { return text }
    }
    return nil
  }

  /// Those whose index no row tells are numbered as they come.
  private struct Identities {
    var indices: [String: Int] = [:]

    mutating func number(_ identity: String) -> Int {
      if let index = self.indices[identity] { return index }
      let index = (self.indices.values.max() ?? -1) + 1
      self.indices[identity] = index
      return index
    }
  }
}

/// What a page says of one GPU.
private struct GPU {
  private var name = ""
  private var whole = DCGMScrape.Values()
  private var instances: [String: DCGMScrape.Values] = [:]

  /// - Parameter instance: `nil`: the whole GPU.
  mutating func add(
    _ value: Double, _ field: DCGMScrape.Field, of instance: String?, name: String?
  ) {
    if let name { self.name = name }
    if let instance {
      self.instances[instance, default: [:]].note(value, field)
    } else {
      self.whole.note(value, field)
    }
  }

  /// Of the whole GPU, or else of its instances together where all of them say it.
  private func sum(_ field: DCGMScrape.Field) -> Double? {
    if let value = self.whole[field] { return value }
    let values = self.instances.values.map { $0[field] }
    guard !values.isEmpty, !values.contains(nil) else { return nil }
    return values.compactMap(\.self).reduce(0, +)
  }

  /// Of the whole GPU, or else the largest of its instances.
  private func largest(_ field: DCGMScrape.Field) -> Double? {
    self.whole[field] ?? self.instances.values.compactMap { $0[field] }.max()
  }

  /// How much of a divided GPU is busy, its utilization does not say: it is 0 or nothing.
  private var utilizationPercent: Double? {
    let known = self.instances.isEmpty ? self.whole[.utilization] : nil
    return known ?? self.largest(.engineActive).map { $0 * 100 }
  }

  private var memoryTotal: Double? {
    if let total = self.sum(.memoryTotal) { return total }
    guard let used = self.sum(.memoryUsed), let free = self.sum(.memoryFree) else { return nil }
    return used + free + (self.sum(.memoryReserved) ?? 0)
  }

  func sample(index: Int) -> GPUSample {
    var sample = GPUSample(index: index, name: self.name)
    sample.utilizationPercent = self.utilizationPercent
    sample.memoryUsedMiB = self.sum(.memoryUsed)
    sample.memoryTotalMiB = self.memoryTotal
    sample.powerWatts = self.largest(.power)
    sample.temperatureCelsius = self.largest(.temperature)
    sample.uncorrectedECCErrors = self.largest(.errors).flatMap { Int(exactly: $0) }
    return sample
  }
}

extension DCGMScrape.Values {
  /// Rows that say the same of one thing may be a moment apart: the larger one counts.
  fileprivate mutating func note(_ value: Double, _ field: DCGMScrape.Field) {
    guard field.isKnown(value) else { return }
    self[field] = Swift.max(self[field] ?? value, value)
  }
}
