/// A page and where the families of a catalogue are in it; read again and again, it allocates nothing.
package struct FamilyScrape: Sendable {
  package let catalogue: FamilyCatalogue
  package private(set) var page = MetricsPage()
  /// For each place of the catalogue its first run, or -1.
  private var firstRuns: [Int]
  /// For each run of the page the next of the same name, or -1.
  private var nextRuns: [Int] = []

  package init(_ catalogue: FamilyCatalogue) {
    self.catalogue = catalogue
    self.firstRuns = Array(repeating: -1, count: catalogue.placeCount)
  }

  /// Replaces the page.
  ///
  /// - Throws: as ``MetricsPage/read(_:)``; the page is then empty.
  package mutating func read(_ text: [UInt8]) throws(MetricsTextError) {
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

  /// The sum of a counter's or gauge's samples; `nil` without one.
  ///
  /// Of a counter only those named `…_total`, or only those without where there are no others.
  ///
  /// - Parameter family: Index into the catalogue's families.
  package func sum(_ family: Int) -> Double? {
    var sum: Double?
    self.forEachSample(of: family) { sum = (sum ?? 0) + $0.value }
    return sum
  }

  /// Calls `body` with each sample of a counter or gauge, in order; of a counter as ``sum(_:)``
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

  /// The histogram of all samples, added up bucket by bucket; `nil` without a bucket.
  package func histogram(_ family: Int) -> MetricHistogram? {
    guard case .histogram = self.catalogue.families[family] else {
      preconditionFailure("family \(family) is no histogram")
    }
    var builder = MetricHistogramBuilder()
    self.forEachSample(family, .main) { sample in
      if let bound = self.page.upperBound(sample) { builder.add(sample.value, upperBound: bound) }
    }
    self.forEachSample(family, .second) { builder.sum += $0.value }
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
