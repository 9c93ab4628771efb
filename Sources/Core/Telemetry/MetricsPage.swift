/// The samples of one text that a server shows at `/metrics`, in the order of the text.
///
/// Formats: Prometheus' text format 0.0.4 with the quoted names of 1.0.0, and OpenMetrics 1.0. Names
/// and labels are spans of the page's own copy of the text; nothing of them is copied or decoded
/// before somebody asks. ``read(_:)`` uses the storage of the text before it again: a page that is
/// read over and over allocates nothing.
///
/// The same series twice in a text is not looked for. Label values need not be UTF-8.
package struct MetricsPage: Sendable {
  package struct Sample: Sendable {
    package let name: TextSpan
    /// Index into ``MetricsPage/labels``.
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

  package struct Exemplar: Sendable {
    /// Index into ``MetricsPage/samples``.
    package let sample: Int
    /// Indices into ``MetricsPage/labels``.
    package let labels: Range<Int>
    package let value: Double
    /// In seconds.
    package let timestamp: Double?
  }

  /// What `# TYPE`, `# HELP` and `# UNIT` lines that follow each other say about one name.
  package struct Family: Sendable {
    package let name: TextSpan
    package var type = MetricType.unknown
    package var help = TextSpan.empty
    package var unit = TextSpan.empty
  }

  package internal(set) var samples: [Sample] = []
  /// In order; samples of a text that is in order have one run a name.
  package internal(set) var runs: [Run] = []
  /// Of all samples and exemplars, in the order of the text.
  package internal(set) var labels: [Label] = []
  package internal(set) var families: [Family] = []
  /// Of those samples that have one, in order.
  package internal(set) var timestamps: [Timestamp] = []
  package internal(set) var exemplars: [Exemplar] = []
  /// Whether the text ended with `# EOF`, as every text of OpenMetrics has to.
  package internal(set) var isOpenMetrics = false

  /// The text and ``padding`` after it.
  private var text: [UInt8] = []
  package let limits: MetricsTextLimits

  /// Line feeds, so that whatever is not finished ends before the buffer does, and eight bytes can be
  /// loaded at every offset of the text.
  static let paddingSize = 16
  private static let padding = [UInt8](repeating: 0x0A, count: Self.paddingSize)

  package init(limits: MetricsTextLimits = MetricsTextLimits()) {
    self.limits = limits
  }

  /// Replaces what the page holds by what `text` says.
  ///
  /// - Throws: the first thing wrong with `text`; the page is then empty.
  package mutating func read(_ text: UnsafeRawBufferPointer) throws(MetricsTextError) {
    var reader = MetricsReader(reusing: &self)
    guard text.count <= self.limits.byteCount else {
      throw MetricsTextError(
        line: 1, column: 1, problem: .tooManyBytes(max: self.limits.byteCount))
    }
    self.text.removeAll(keepingCapacity: true)
    self.text.reserveCapacity(text.count + Self.padding.count)
    self.text.append(contentsOf: text)
    self.text.append(contentsOf: Self.padding)
    let fault = self.text.withUnsafeBytes { bytes in reader.readAll(bytes) }
    reader.giveBack(to: &self)
    guard let fault else { return }
    let error = self.located(fault)
    self.removeAll()
    throw error
  }

  package mutating func read(_ text: [UInt8]) throws(MetricsTextError) {
    let result = text.withUnsafeBytes { bytes in
      Result { () throws(MetricsTextError) in try self.read(bytes) }
    }
    try result.get()
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

  mutating func removeAll() {
    self.samples.removeAll(keepingCapacity: true)
    self.runs.removeAll(keepingCapacity: true)
    self.labels.removeAll(keepingCapacity: true)
    self.families.removeAll(keepingCapacity: true)
    self.timestamps.removeAll(keepingCapacity: true)
    self.exemplars.removeAll(keepingCapacity: true)
    self.isOpenMetrics = false
  }
}
