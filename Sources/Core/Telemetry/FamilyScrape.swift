/// A page and where the families of a catalogue are in it; read again and again, it allocates nothing.
package struct FamilyScrape: Sendable {
  package let catalogue: FamilyCatalogue
  package private(set) var page: MetricsPage
  /// For each place of the catalogue its first run, or -1.
  private var firstRuns: [Int]
  /// For each run of the page the next of the same name, or -1.
  private var nextRuns: [Int] = []

  package init(
    _ catalogue: FamilyCatalogue, limits: MetricsTextLimits = MetricsTextLimits()
  ) {
    self.catalogue = catalogue
    self.page = MetricsPage(limits: limits)
    self.firstRuns = Array(repeating: -1, count: catalogue.placeCount)
  }

  /// Replaces the page.
  ///
  /// - Throws: as ``MetricsPage/read(_:)``; the page is then empty.
  package mutating func read(_ text: UnsafeRawBufferPointer) throws(MetricsTextError) {
    for place in self.firstRuns.indices { self.firstRuns[place] = -1 }
    self.nextRuns.removeAll(keepingCapacity: true)
    try self.page.read(text)
    for _ in self.page.runs { self.nextRuns.append(-1) }
    // Backwards, so that the chains are in the order of the text.
    for run in self.page.runs.indices.reversed() where !self.page.runs[run].name.hasEscapes {
      let name = self.page.runs[run].name
      guard let place = self.page.withText({ self.catalogue.place(of: name, in: $0) }) else {
        continue
      }
      self.nextRuns[run] = self.firstRuns[place]
      self.firstRuns[place] = run
    }
  }

  package mutating func read(_ text: [UInt8]) throws(MetricsTextError) {
    let result = text.withUnsafeBytes { bytes in
      Result { () throws(MetricsTextError) in try self.read(bytes) }
    }
    try result.get()
  }

  /// The sum of a counter's or gauge's samples that match; `nil` without one.
  ///
  /// Of a counter only those named `…_total`, or only those without where there are no others.
  ///
  /// - Parameter family: Index into the catalogue's families.
  package func sum(_ family: Int, where matches: [LabelMatch] = []) -> Double? {
    var sum: Double?
    self.forEachSample(of: family) { sample in
      if self.page.matches(sample, matches) { sum = (sum ?? 0) + sample.value }
    }
    return sum
  }

  /// The sums of a counter's or gauge's samples for each value of a label, in the order in which the
  /// text has the values first. Samples without the label have the empty value.
  package func sums(_ family: Int, by label: String) -> [(value: String, sum: Double)] {
    let name = Array(label.utf8)
    var order: [[UInt8]] = []
    var sums: [[UInt8]: Double] = [:]
    self.forEachSample(of: family) { sample in
      let value = self.page.value(of: name, in: sample).map { self.page.bytes($0) } ?? []
      if sums[value] == nil { order.append(value) }
      sums[value, default: 0] += sample.value
    }
    return order.map { (String(decoding: $0, as: UTF8.self), sums[$0, default: 0]) }
  }

  /// Calls `body` with each sample of a counter or gauge, in order; of a counter as ``sum(_:where:)``
  /// chooses them.
  package func forEachSample(of family: Int, _ body: (MetricsPage.Sample) -> Void) {
    switch self.catalogue.families[family] {
    case .histogram: preconditionFailure("family \(family) is a histogram")
    case .gauge: self.forEachSample(family, .main, body)
    case .counter:
      let hasTotal = self.firstRuns[FamilyCatalogue.place(family, .main)] >= 0
      self.forEachSample(family, hasTotal ? .main : .second, body)
    }
  }

  /// The histogram of all samples that match, added up bucket by bucket; `nil` without a bucket.
  package func histogram(_ family: Int, where matches: [LabelMatch] = []) -> MetricHistogram? {
    guard case .histogram = self.catalogue.families[family] else {
      preconditionFailure("family \(family) is no histogram")
    }
    var builder = MetricHistogramBuilder()
    self.forEachSample(family, .main) { sample in
      guard self.page.matches(sample, matches), let bound = self.page.upperBound(sample) else {
        return
      }
      builder.add(sample.value, upperBound: bound)
    }
    self.forEachSample(family, .second) { sample in
      if self.page.matches(sample, matches) { builder.sum += sample.value }
    }
    return builder.histogram()
  }

  private func forEachSample(
    _ family: Int, _ part: FamilyCatalogue.Part, _ body: (MetricsPage.Sample) -> Void
  ) {
    var run = self.firstRuns[FamilyCatalogue.place(family, part)]
    while run >= 0 {
      for index in self.page.samples(ofRun: run) { body(self.page.samples[index]) }
      run = self.nextRuns[run]
    }
  }
}

extension MetricsPage {
  private static let boundLabel = Array("le".utf8)

  /// A bucket's `le`; `nil` where it is missing or no number.
  func upperBound(_ sample: Sample) -> Double? {
    guard let span = self.value(of: Self.boundLabel, in: sample), !span.hasEscapes else {
      return nil
    }
    return self.withText { text in
      var index = Int(span.start)
      guard let bound = MetricsNumber.read(text, from: &index), index == span.range.upperBound,
        !bound.isNaN
      else { return nil }
      return bound
    }
  }
}
