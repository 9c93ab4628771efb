/// Which family of the text format 0.0.4 the samples of a page belong to.
struct MetricsFamilies {
  /// By the name of samples; for look-ups only.
  private var kinds: [[UInt8]: MetricsMerge.Family] = [:]

  init(_ page: MetricsPage) {
    for family in page.families {
      let name = page.bytes(family.name)
      let help = Array(page.help(family).utf8)
      for (sample, type) in Self.samples(of: family.type, isOpenMetrics: page.isOpenMetrics) {
        // The parts of a histogram or summary are one family, everything else is one a name.
        let isPart = type == .histogram || type == .summary
        let full = name + sample
        self.kinds[full] = .init(name: isPart ? name : full, type: type, help: help)
      }
    }
  }

  func family(of sample: [UInt8]) -> MetricsMerge.Family {
    self.kinds[sample] ?? .init(name: sample, type: .unknown, help: [])
  }

  /// What is behind the family's name in those of its samples, and their type in the older format.
  private static func samples(
    of type: MetricType, isOpenMetrics: Bool
  ) -> [(suffix: [UInt8], type: MetricType)] {
    let suffixes: [(String, MetricType)] =
      switch type {
      case .histogram:
        [
          ("_bucket", .histogram), ("_sum", .histogram), ("_count", .histogram),
          ("_created", .gauge),
        ]
      case .summary:
        [("", .summary), ("_sum", .summary), ("_count", .summary), ("_created", .gauge)]
      case .counter:
        isOpenMetrics ? [("_total", .counter), ("_created", .gauge)] : [("", .counter)]
      case .info: isOpenMetrics ? [("_info", .gauge)] : [("", .gauge)]
      case .gauge, .stateset: [("", .gauge)]
      case .gaugehistogram: [("_bucket", .unknown), ("_gcount", .unknown), ("_gsum", .unknown)]
      case .unknown: [("", .unknown)]
      }
    // Only OpenMetrics says when a series was created as a part of its family.
    return suffixes.filter { isOpenMetrics || $0.0 != "_created" }
      .map { (Array($0.0.utf8), $0.1) }
  }
}
