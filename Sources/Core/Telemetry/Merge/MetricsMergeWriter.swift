/// Writes the samples of one page with labels more.
struct MetricsMergeWriter {
  private static let exported = Array("exported_".utf8)

  private let page: MetricsPage
  /// The labels more as they are written, with a comma between.
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
    self.labelText = MetricsTextBytes.labels(labels)
    self.isUTF8 = page.withText { String(validating: $0, as: UTF8.self) != nil }
  }

  /// The bytes of a name or value, escapes resolved and wrong UTF-8 repaired.
  func bytes(_ span: TextSpan) -> [UInt8] {
    self.isUTF8 ? self.page.bytes(span) : Array(self.page.string(span).utf8)
  }

  /// Appends the line of a sample.
  ///
  /// - Parameters:
  ///   - index: Into the page's samples; each call's is larger than that of the call before.
  ///   - name: Without escapes.
  mutating func write(sample index: Int, _ name: [UInt8], to text: inout [UInt8]) {
    let sample = self.page.samples[index]
    let isPlain = MetricsTextBytes.isPlain(name, colons: true)
    if isPlain { text += name }
    // Every label is written with a comma behind it; the last comma becomes the brace.
    let start = text.count
    text.append(0x7B)
    if !isPlain {
      self.hasQuotedNames = true
      MetricsTextBytes.appendName(name, colons: true, to: &text)
      text.append(0x2C)
    }
    if !self.labelText.isEmpty {
      text += self.labelText
      text.append(0x2C)
    }
    for label in self.page.labels[sample.labels] {
      self.write(label, of: sample, to: &text)
      text.append(0x2C)
    }
    if text.count > start + 1 { text[text.count - 1] = 0x7D } else { text.removeLast() }
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
