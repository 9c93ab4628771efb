/// Many pages as one in the text format 0.0.4, each sample with labels that say where it is from.
///
/// Samples of one family stand together, under one `# TYPE`, in the order in which the pages have the
/// families first. What only OpenMetrics has is written as what the older format knows: a counter
/// under its name with `_total`, an info or a state set as a gauge; exemplars and units are left out.
/// Families that pages call by one name with different types are `untyped`.
package struct MetricsMerge: Sendable {
  /// A label that is added to each sample of a page.
  package struct Label: Equatable, Sendable {
    package let name: String
    package let value: String

    /// - Parameters:
    ///   - name: Letters, digits and underscores, the first no digit.
    ///   - value: Any text.
    package init(_ name: String, _ value: String) {
      precondition(MetricsTextBytes.isPlain(Array(name.utf8), colons: false), "label \(name)")
      self.name = name
      self.value = value
    }
  }

  struct Family: Sendable {
    /// Before escapes.
    var name: [UInt8]
    var type: MetricType
    /// Before escapes; empty where no page says it.
    var help: [UInt8]
    var lines: [UInt8] = []
  }

  private var families: [Family] = []
  /// By name; for look-ups only.
  private var places: [[UInt8]: Int] = [:]
  private var hasQuotedNames = false

  package init() {}

  /// What the text's header `Content-Type` has to be.
  package var contentType: String {
    "text/plain; version=\(self.hasQuotedNames ? "1.0.0" : "0.0.4"); charset=utf-8"
  }

  /// Adds the samples of a page.
  ///
  /// - Parameter labels: Different for each page, or a series may be there twice. Where a sample has a
  ///   label of the same name already, that one is renamed to `exported_…`, as Prometheus does.
  package mutating func add(_ page: MetricsPage, labels: [Label]) {
    var writer = MetricsMergeWriter(page, labels)
    let kinds = MetricsFamilies(page)
    for (index, run) in page.runs.enumerated() {
      let name = writer.bytes(run.name)
      let place = self.place(of: kinds.family(of: name))
      for sample in page.samples(ofRun: index) {
        writer.write(sample: sample, name, to: &self.families[place].lines)
      }
    }
    self.hasQuotedNames = self.hasQuotedNames || writer.hasQuotedNames
  }

  /// Adds one sample of our own.
  ///
  /// - Parameters:
  ///   - name: Letters, digits, underscores and colons, the first no digit.
  ///   - type: A counter's name ends with `_total`.
  package mutating func add(
    _ name: String, _ value: Double, _ type: MetricType = .gauge, help: String, labels: [Label]
  ) {
    let bytes = Array(name.utf8)
    precondition(MetricsTextBytes.isPlain(bytes, colons: true), "metric \(name)")
    let place = self.place(of: Family(name: bytes, type: type, help: Array(help.utf8)))
    var line = bytes
    if !labels.isEmpty { line += [0x7B] + MetricsTextBytes.labels(labels) + [0x7D] }
    line.append(0x20)
    MetricsTextBytes.append(value, to: &line)
    self.families[place].lines += line + [0x0A]
  }

  /// The merged text; empty without samples.
  package func text() -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(self.families.reduce(0) { $0 + $1.lines.count + 256 })
    for family in self.families {
      if !family.help.isEmpty {
        text += Array("# HELP ".utf8)
        MetricsTextBytes.appendName(family.name, colons: true, to: &text)
        text.append(0x20)
        MetricsTextBytes.appendEscaped(family.help, quotes: false, to: &text)
        text.append(0x0A)
      }
      text += Array("# TYPE ".utf8)
      MetricsTextBytes.appendName(family.name, colons: true, to: &text)
      text += Array(" \(Self.word(family.type))\n".utf8)
      text += family.lines
    }
    return text
  }

  private mutating func place(of family: Family) -> Int {
    if let place = self.places[family.name] {
      if self.families[place].type != family.type { self.families[place].type = .unknown }
      if self.families[place].help.isEmpty { self.families[place].help = family.help }
      return place
    }
    self.places[family.name] = self.families.count
    self.families.append(family)
    return self.families.count - 1
  }

  private static func word(_ type: MetricType) -> String {
    switch type {
    case .counter, .gauge, .histogram, .summary: type.rawValue
    case .unknown, .gaugehistogram, .info, .stateset: "untyped"
    }
  }
}

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

/// Writes the samples of one page with labels more.
struct MetricsMergeWriter {
  private static let exported = Array("exported_".utf8)

  private let page: MetricsPage
  /// The labels more as they are written, a comma before each.
  private let labelText: [UInt8]
  private let labelNames: [[UInt8]]
  /// Prometheus refuses a text that is not UTF-8.
  private let isUTF8: Bool
  /// Index into the page's timestamps: samples come in order.
  private var nextTimestamp = 0
  /// Whether a name had to be written in quotes so far.
  private(set) var hasQuotedNames = false

  init(_ page: MetricsPage, _ labels: [MetricsMerge.Label]) {
    self.page = page
    self.labelNames = labels.map { Array($0.name.utf8) }
    self.labelText = labels.isEmpty ? [] : [0x2C] + MetricsTextBytes.labels(labels)
    self.isUTF8 = page.withText { String(validating: $0, as: UTF8.self) != nil }
  }

  /// The bytes of a name or value, escapes resolved and wrong UTF-8 repaired.
  func bytes(_ span: TextSpan) -> [UInt8] {
    self.isUTF8 ? self.page.bytes(span) : Array(self.page.string(span).utf8)
  }

  /// Appends the line of a sample, one after the other in their order; the name is without escapes.
  mutating func write(sample index: Int, _ name: [UInt8], to text: inout [UInt8]) {
    let sample = self.page.samples[index]
    let isPlain = MetricsTextBytes.isPlain(name, colons: true)
    if isPlain { text += name }
    // Every label is written with a comma before it; the first comma becomes the brace.
    let start = text.count
    if !isPlain {
      self.hasQuotedNames = true
      text.append(0x2C)
      MetricsTextBytes.appendName(name, colons: true, to: &text)
    }
    text += self.labelText
    for label in self.page.labels[sample.labels] {
      text.append(0x2C)
      self.write(label, of: sample, to: &text)
    }
    if text.count > start {
      text[start] = 0x7B
      text.append(0x7D)
    }
    text.append(0x20)
    MetricsTextBytes.append(sample.value, to: &text)
    self.writeTimestamp(ofSample: index, to: &text)
    text.append(0x0A)
  }

  private mutating func write(
    _ label: MetricsPage.Label, of sample: MetricsPage.Sample, to text: inout [UInt8]
  ) {
    var name = self.bytes(label.name)
    if self.labelNames.contains(name) {
      repeat { name = Self.exported + name } while self.has(name, sample)
    }
    if !MetricsTextBytes.isPlain(name, colons: false) { self.hasQuotedNames = true }
    MetricsTextBytes.appendName(name, colons: false, to: &text)
    text.append(0x3D)
    text.append(0x22)
    if self.isUTF8, !label.value.hasEscapes {
      self.page.withText { text.append(contentsOf: $0[label.value.range]) }
    } else {
      MetricsTextBytes.appendEscaped(self.bytes(label.value), quotes: true, to: &text)
    }
    text.append(0x22)
  }

  private func has(_ name: [UInt8], _ sample: MetricsPage.Sample) -> Bool {
    self.labelNames.contains(name)
      || self.page.labels[sample.labels].contains { self.bytes($0.name) == name }
  }

  /// In milliseconds, as the older format has it.
  private mutating func writeTimestamp(ofSample index: Int, to text: inout [UInt8]) {
    let timestamps = self.page.timestamps
    while self.nextTimestamp < timestamps.count, timestamps[self.nextTimestamp].sample < index {
      self.nextTimestamp += 1
    }
    guard self.nextTimestamp < timestamps.count, timestamps[self.nextTimestamp].sample == index
    else { return }
    let number = timestamps[self.nextTimestamp].number
    let milliseconds = (self.page.isOpenMetrics ? number * 1000 : number).rounded()
    guard let whole = Int(exactly: milliseconds) else { return }
    text += Array(" \(whole)".utf8)
  }
}

/// Names, labels and numbers as the text format 0.0.4 has them; what is no plain name as 1.0.0 quotes
/// it.
enum MetricsTextBytes {
  /// Letters, digits and underscores, the first no digit; at least one.
  static func isPlain(_ name: [UInt8], colons: Bool) -> Bool {
    guard let first = name.first, first &- 0x30 >= 10 else { return false }
    return name.allSatisfy { MetricsNameByte.isPart($0) && (colons || $0 != 0x3A) }
  }

  static func appendName(_ name: [UInt8], colons: Bool, to text: inout [UInt8]) {
    if Self.isPlain(name, colons: colons) {
      text += name
    } else {
      text.append(0x22)
      Self.appendEscaped(name, quotes: true, to: &text)
      text.append(0x22)
    }
  }

  /// - Parameter quotes: Whether quotes are escaped too: in help they are not.
  static func appendEscaped(_ bytes: [UInt8], quotes: Bool, to text: inout [UInt8]) {
    for byte in bytes {
      switch byte {
      case 0x5C: text += [0x5C, 0x5C]
      case 0x0A: text += [0x5C, 0x6E]
      case 0x22 where quotes: text += [0x5C, 0x22]
      default: text.append(byte)
      }
    }
  }

  /// `node="gpu01",service="policy"`.
  static func labels(_ labels: [MetricsMerge.Label]) -> [UInt8] {
    var text: [UInt8] = []
    for label in labels {
      if !text.isEmpty { text.append(0x2C) }
      text += Array("\(label.name)=\"".utf8)
      Self.appendEscaped(Array(label.value.utf8), quotes: true, to: &text)
      text.append(0x22)
    }
    return text
  }

  /// The shortest text that reads as the same number.
  static func append(_ value: Double, to text: inout [UInt8]) {
    if value.isNaN {
      text += Array("NaN".utf8)
    } else if value.isInfinite {
      text += Array((value < 0 ? "-Inf" : "+Inf").utf8)
    } else {
      text += Array("\(value)".utf8)
    }
  }
}
