/// What Muster reads of a model server: counts of requests and tokens add up over its ranks, of the
/// cache's usage the largest counts.
enum EngineFamily: Int, CaseIterable {
  case running
  case waiting
  /// 0 to 1.
  case cacheUsage
  /// In tokens, so the next.
  case prefixQueries
  case prefixHits
  case promptTokens
  case generationTokens
  /// One observation a step that gave output.
  case stepTokens
  /// Tokens a second, by the engine's own reckoning.
  case throughput
  case preemptions
  case finished
  /// Of the API server; not there when it is several processes.
  case processStart
  case firstToken
  case interToken
  case endToEnd
  case queue

  private static let table = EngineTable()

  static var catalogue: FamilyCatalogue { Self.table.catalogue }

  /// The indices of its names in the catalogue.
  var places: [Int] { Self.table.places[self.rawValue] }

  /// The place of a running count that may be of a while ago.
  static var agedPlaces: Set<Int> { Self.table.agedPlaces }
}

/// The times that an engine keeps histograms of, in seconds.
package enum EngineLatency: String, CaseIterable, Sendable {
  /// From a request's arrival to its first token.
  case firstToken = "ttft"
  /// From a token to the next of the same request.
  case interToken = "itl"
  /// From a request's arrival to its last token.
  case endToEnd = "e2e"
  /// From a request's arrival to its first step.
  case queue
}

/// All names of all makes, and whose they are. Two quantities may have one name.
private struct EngineTable: Sendable {
  var places: [[Int]] = []
  var agedPlaces: Set<Int> = []
  let catalogue: FamilyCatalogue

  init() {
    var families: [FamilyCatalogue.Family] = []
    func place(of family: FamilyCatalogue.Family) -> Int {
      if let place = families.firstIndex(of: family) { return place }
      families.append(family)
      return families.count - 1
    }
    for family in EngineFamily.allCases {
      var names = EngineMake.all.flatMap { $0.names[family] ?? [] }
      if family == .processStart { names = [.gauge("process_start_time_seconds")] }
      self.places.append(names.map(place))
    }
    for make in EngineMake.all where make.countsAge {
      self.agedPlaces.formUnion((make.names[.running] ?? []).map(place))
    }
    self.catalogue = FamilyCatalogue(families)
  }
}

extension FamilyScrape {
  /// Added up over ranks; `nil` where no name is there, or what is there is no number.
  func sum(_ family: EngineFamily) -> Double? {
    self.first(of: family) { self.sum($0) }.flatMap { $0.isFinite ? $0 : nil }
  }

  /// The largest over ranks; `nil` as for ``sum(_:)``.
  func maximum(_ family: EngineFamily) -> Double? {
    let values = self.first(of: family) { place in
      var values: [Double] = []
      self.forEachSample(of: place) { values.append($0.value) }
      return values.isEmpty ? nil : values
    }
    return values?.filter(\.isFinite).max()
  }

  func histogram(_ family: EngineFamily) -> MetricHistogram? {
    self.first(of: family) { self.histogram($0) }
  }

  /// By the first of its names that the page has.
  private func first<Value>(of family: EngineFamily, _ read: (Int) -> Value?) -> Value? {
    for place in family.places {
      if let value = read(place) { return value }
    }
    return nil
  }
}
