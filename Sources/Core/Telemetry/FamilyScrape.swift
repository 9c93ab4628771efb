/// The families that somebody wants to know about, and which sample belongs to which of them.
///
/// Names are looked up among the wanted ones of their length, never among those that a text has: no text
/// can make it slow.
package struct FamilyCatalogue: Sendable {
  package enum Family: Equatable, Sendable {
    /// With or without `_total`; its samples are found under both names.
    case counter(String)
    /// Any samples of exactly this name.
    case gauge(String)
    /// The name without `_bucket`, `_sum` and `_count`.
    case histogram(String)
  }

  /// What the samples of one name are to their family; the raw value counts within the family.
  enum Part: Int, CaseIterable {
    /// A gauge's samples, a counter's `…_total`, a histogram's `…_bucket`.
    case main
    /// A counter's samples without `_total`, a histogram's `…_sum`.
    case second
  }

  /// In the order given to the initializer.
  package let families: [Family]
  /// By the length of the name: few have the same.
  private var places: [[(name: [UInt8], place: Int)]] = []

  /// - Parameter families: No two of which have samples of one name.
  package init(_ families: [Family]) {
    self.families = families
    for (index, family) in families.enumerated() {
      for (part, name) in zip(Part.allCases, Self.names(family)) {
        let name = Array(name.utf8)
        while self.places.count <= name.count { self.places.append([]) }
        precondition(
          !self.places[name.count].contains { $0.name == name },
          "wanted twice: \(String(decoding: name, as: UTF8.self))")
        self.places[name.count].append((name, Self.place(index, part)))
      }
    }
  }

  /// The number of places: one for each part of each family.
  var placeCount: Int { self.families.count * Part.allCases.count }

  static func place(_ family: Int, _ part: Part) -> Int {
    family * Part.allCases.count + part.rawValue
  }

  /// The place of the samples with that name, which has no escapes, and eight bytes more behind it; `nil`
  /// when nobody wants them.
  func place(of name: TextSpan, in bytes: UnsafeRawBufferPointer) -> Int? {
    guard name.count < self.places.count else { return nil }
    return self.places[name.count].first { bytes.equal(Int(name.start), $0.name) }?.place
  }

  private static func names(_ family: Family) -> [String] {
    switch family {
    case .gauge(let name): return [name]
    case .histogram(let name): return ["\(name)_bucket", "\(name)_sum"]
    case .counter(let name):
      let base = name.hasSuffix("_total") ? String(name.dropLast("_total".count)) : name
      return ["\(base)_total", base]
    }
  }
}

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

  /// Calls `body` with each sample of a counter or gauge, in order; of a counter only with those
  /// named `…_total`, or only with those without where there are no others.
  ///
  /// - Parameter family: Index into the catalogue's families.
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
    self.forEachSample(family, .second) { builder.add(sum: $0.value) }
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
