/// The last that is known of an endpoint that is scraped. It reads no clock; instants are passed in.
package struct EndpointPage: Sendable {
  /// As it came; `nil` where the last try brought none.
  package private(set) var text: [UInt8]?
  /// When the last page came, since a point of the caller's own; `nil` before the first.
  package private(set) var arrived: Duration?
  /// Between the last two pages; `nil` where the last try brought none.
  package private(set) var interval: EngineInterval?
  /// Why there is no page, or no engine on it, in words; empty where there is one.
  package private(set) var fault = ""
  /// Tries so far.
  package private(set) var tryCount = 0
  private var last: (reading: EngineReading, instant: Duration)?

  /// Without arguments one of which nothing is known yet.
  package init(reading: EngineReading? = nil, interval: EngineInterval? = nil) {
    self.text = reading.map { _ in [] }
    self.interval = interval
    self.last = reading.map { ($0, .zero) }
  }

  /// What the page says; `nil` where the last try brought none.
  package var reading: EngineReading? { self.text == nil ? nil : self.last?.reading }

  /// A page came.
  ///
  /// - Parameters:
  ///   - instant: When it was made, by the endpoint's clock: the way of a page may take longer than
  ///     that of the one before.
  ///   - scrape: Reads it.
  package mutating func add(
    _ text: [UInt8], madeAt instant: Duration, at now: Duration, with scrape: inout EngineScrape
  ) {
    do throws(MetricsTextError) {
      let reading = try scrape.read(text)
      self.interval = self.last.flatMap { last in
        instant > last.instant
          ? reading.since(last.reading, after: instant - last.instant) : nil
      }
      self.last = (reading, instant)
      (self.text, self.arrived) = (text, now)
      self.fault = reading.hasEngine ? "" : "no engine on its page"
      self.tryCount += 1
    } catch {
      self.miss("its page is no text of metrics: \(error)")
    }
  }

  /// No page came, and why.
  package mutating func miss(_ fault: String) {
    self.forget()
    self.fault = fault
    self.tryCount += 1
  }

  /// What it does at present is not known: a page to come is compared with the last one all the same.
  package mutating func forget() {
    (self.text, self.interval, self.fault) = (nil, nil, "")
  }
}
