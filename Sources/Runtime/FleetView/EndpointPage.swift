package import Telemetry

/// The last that is known of an endpoint that is scraped. It reads no clock; instants are passed in.
package struct EndpointPage: Sendable {
  /// As it came; `nil` where the last try brought none.
  package private(set) var text: [UInt8]?
  /// When the last page came, since a point of the caller's own; `nil` before the first.
  package private(set) var arrived: Duration?
  package private(set) var reading: EngineReading?
  /// Between the last two pages.
  package private(set) var interval: EngineInterval?
  /// Why there is no page, or no engine on it, in words; empty where there is one.
  package private(set) var fault = ""
  /// Tries so far.
  package private(set) var tryCount = 0
  private var history = EngineHistory()

  /// A page came.
  ///
  /// - Parameters:
  ///   - instant: When it was made, by the endpoint's clock: the way of a page may take longer than
  ///     that of the one before.
  ///   - scrape: Reads it.
  package mutating func add(
    _ text: [UInt8], madeAt instant: Duration, at now: Duration, with scrape: inout EngineScrape
  ) {
    self.tryCount += 1
    do throws(MetricsTextError) {
      let reading = try scrape.read(text)
      self.interval = self.history.add(reading, at: instant)
      self.reading = reading
      self.text = text
      self.arrived = now
      self.fault = reading.hasEngine ? "" : "no engine on its page"
    } catch {
      self.text = nil
      self.fault = "its page is no text of metrics: \(error)"
    }
  }

  /// No page came, and why.
  package mutating func miss(_ fault: String) {
    self.tryCount += 1
    self.text = nil
    self.fault = fault
  }

  /// What it does at present is not known: a page to come is compared with the last one all the same.
  package mutating func forget() {
    self.text = nil
    self.interval = nil
    self.fault = ""
  }

  /// What the present page says; nothing where there is none.
  package func metrics(named name: String) -> EndpointMetrics {
    EndpointMetrics(
      name: name, reading: self.text == nil ? nil : self.reading,
      interval: self.text == nil ? nil : self.interval)
  }
}
