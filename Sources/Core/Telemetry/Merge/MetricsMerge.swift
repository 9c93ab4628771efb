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
    /// Lines of samples.
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
