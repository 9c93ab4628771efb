/// The samples of one text that a server shows at `/metrics`, in the order of the text.
///
/// Formats: Prometheus' text format 0.0.4 with the quoted names of 1.0.0, and OpenMetrics 1.0. Names
/// and labels are spans of the page's own copy of the text; nothing of them is copied or decoded
/// before somebody asks. ``read(_:)`` uses the storage of the text before it again: a page that is
/// read over and over allocates nothing.
///
/// The same series twice in a text is looked for by who asks. Label values need not be UTF-8.
package struct MetricsPage: Sendable {
  package struct Sample: Sendable {
    package let name: TextSpan
    let firstLabel: UInt32
    let labelCount: UInt16
    /// The sign of a NaN has no meaning.
    package let value: Double

    package var labels: Range<Int> {
      Int(self.firstLabel)..<Int(self.firstLabel) + Int(self.labelCount)
    }
  }

  /// Samples of one name that follow each other.
  package struct Run: Sendable {
    package let name: TextSpan
    let firstSample: UInt32
  }

  package struct Label: Sendable {
    package let name: TextSpan
    package let value: TextSpan
  }

  package struct Timestamp: Sendable {
    /// Index into ``MetricsPage/samples``.
    package let sample: Int
    /// As written: seconds in OpenMetrics, milliseconds before. Finite.
    package let number: Double
  }

  /// What `# TYPE`, `# HELP` and `# UNIT` lines that follow each other say about one name.
  package struct Family: Sendable {
    package let name: TextSpan
    package var type = MetricType.unknown
    package var help = TextSpan.empty
  }

  package internal(set) var samples: [Sample] = []
  /// In order; samples of a text that is in order have one run a name.
  package internal(set) var runs: [Run] = []
  /// Of all samples, in the order of the text.
  package internal(set) var labels: [Label] = []
  package internal(set) var families: [Family] = []
  /// Of those samples that have one, in order.
  package internal(set) var timestamps: [Timestamp] = []
  /// Whether the text ended with `# EOF`, as every text of OpenMetrics has to.
  package internal(set) var isOpenMetrics = false

  /// The text and ``padding`` after it.
  private var text: [UInt8] = []
  let limits: MetricsTextLimits

  /// Line feeds, so that whatever is not finished ends before the buffer does, and eight bytes can be
  /// loaded at every offset of the text.
  static let paddingSize = 16
  private static let padding = [UInt8](repeating: 0x0A, count: Self.paddingSize)

  package init() {
    self.init(limits: MetricsTextLimits())
  }

  init(limits: MetricsTextLimits) {
    precondition(
      limits.byteCount <= MetricsTextLimits.byteCountMax && limits.labelCount <= 65_535,
      "limits out of range")
    self.limits = limits
  }

  /// Replaces what the page holds by what `text` says.
  ///
  /// - Throws: the first thing wrong with `text`; the page is then empty.
  package mutating func read(_ text: [UInt8]) throws(MetricsTextError) {
    self.removeAll()
    guard text.count <= self.limits.byteCount else {
      throw MetricsTextError(
        line: 1, column: 1, problem: .tooManyBytes(max: self.limits.byteCount))
    }
    self.text.removeAll(keepingCapacity: true)
    self.text.reserveCapacity(text.count + Self.padding.count)
    self.text += text
    self.text += Self.padding
    // The reader has the page's storage while it reads.
    var reader = MetricsReader(page: MetricsPage(limits: self.limits))
    var bytes: [UInt8] = []
    swap(&self.text, &bytes)
    swap(&self, &reader.page)
    let fault = bytes.withUnsafeBytes { reader.readAll($0) }
    swap(&self, &reader.page)
    swap(&self.text, &bytes)
    guard let fault else { return }
    let error = self.located(fault)
    self.removeAll()
    throw error
  }

  /// The bytes of the text, and line feeds after them.
  @inline(__always)
  func withText<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R { self.text.withUnsafeBytes(body) }

  private func located(_ fault: MetricsReader.Fault) -> MetricsTextError {
    let before = self.text[..<fault.offset]
    let line = before.count { $0 == 0x0A } + 1
    let column = fault.offset - (before.lastIndex(of: 0x0A) ?? -1)
    return MetricsTextError(line: line, column: column, problem: fault.problem)
  }

  private mutating func removeAll() {
    self.samples.removeAll(keepingCapacity: true)
    self.runs.removeAll(keepingCapacity: true)
    self.labels.removeAll(keepingCapacity: true)
    self.families.removeAll(keepingCapacity: true)
    self.timestamps.removeAll(keepingCapacity: true)
    self.isOpenMetrics = false
  }
}

/// Names, values and help as text: for people and tests, and away from the hot path.
extension MetricsPage {
  /// The bytes of a name or of a label's value, escapes resolved.
  package func bytes(_ span: TextSpan) -> [UInt8] {
    self.withText { text in
      let raw = text[span.range]
      return span.hasEscapes ? Self.unescaped(raw, quotes: true) : Array(raw)
    }
  }

  /// ``bytes(_:)`` as text, wrong UTF-8 repaired.
  package func string(_ span: TextSpan) -> String {
    String(decoding: self.bytes(span), as: UTF8.self)
  }

  /// What the family says about itself. `\"` is a quote in OpenMetrics and itself before.
  package func help(_ family: Family) -> String {
    self.withText { text in
      String(
        decoding: Self.unescaped(text[family.help.range], quotes: self.isOpenMetrics),
        as: UTF8.self)
    }
  }

  /// The samples of a run, as indices into ``samples``.
  package func samples(ofRun index: Int) -> Range<Int> {
    let end =
      index + 1 < self.runs.count ? Int(self.runs[index + 1].firstSample) : self.samples.count
    return Int(self.runs[index].firstSample)..<end
  }

  /// Whether `span` means exactly `bytes`.
  func text(_ span: TextSpan, is bytes: [UInt8]) -> Bool {
    if span.hasEscapes { return self.bytes(span) == bytes }
    guard span.count == bytes.count else { return false }
    return self.withText { $0.equal(Int(span.start), bytes) }
  }

  /// Whether no two of some samples of one name have the same labels, in the same order. More than an
  /// engine ever shows count as if they had: no text can make it slow.
  func areDistinct(_ samples: [Sample]) -> Bool {
    guard samples.count <= Self.comparedCountMax else { return false }
    return samples.indices.allSatisfy { index in
      samples[..<index].allSatisfy { !self.haveEqualLabels($0, samples[index]) }
    }
  }

  private static let comparedCountMax = 1024

  private func haveEqualLabels(_ one: Sample, _ other: Sample) -> Bool {
    guard one.labelCount == other.labelCount else { return false }
    return self.withText { text in
      zip(self.labels[one.labels], self.labels[other.labels]).allSatisfy { one, other in
        text.equal(one.value, other.value) && text.equal(one.name, other.name)
      }
    }
  }

  /// The value of the label `name` of a sample; `nil` where it has none.
  func value(of name: [UInt8], in sample: Sample) -> TextSpan? {
    for index in sample.labels where self.text(self.labels[index].name, is: name) {
      return self.labels[index].value
    }
    return nil
  }

  /// A backslash before any other byte is itself, as in OpenMetrics.
  private static func unescaped(
    _ raw: Slice<UnsafeRawBufferPointer>, quotes: Bool
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(raw.count)
    var isEscaped = false
    for byte in raw {
      if isEscaped {
        switch byte {
        case 0x6E: bytes.append(0x0A)
        case 0x5C: bytes.append(0x5C)
        case 0x22 where quotes: bytes.append(0x22)
        default: bytes += [0x5C, byte]
        }
        isEscaped = false
      } else if byte == 0x5C {
        isEscaped = true
      } else {
        bytes.append(byte)
      }
    }
    if isEscaped { bytes.append(0x5C) }
    return bytes
  }
}

/// The second word of a `# TYPE` line; the raw value is that word.
package enum MetricType: String, CaseIterable, Sendable {
  /// `untyped` before OpenMetrics, and whatever a later format may bring.
  case unknown
  case counter
  case gauge
  case histogram
  case gaugehistogram
  case summary
  case info
  case stateset
}
