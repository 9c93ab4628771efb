/// What the web server counted: one series a handler, made when the handler first answers.
struct HTTPCounts {
  /// A request that was answered.
  struct Exchange {
    /// The route, or `none` for a path that is not one.
    let handler: String
    let method: String
    let status: Int
    /// By the `content-length` headers, so 0 for a stream.
    let requestBytes: Int
    let responseBytes: Int
    let seconds: Double
  }

  /// Values by label set, in the order in which they first came.
  struct Table<Value> {
    private(set) var rows: [(labels: [String: String], value: Value, created: Double)] = []

    mutating func change(
      _ labels: [String: String], from first: Value, now: Double, _ change: (inout Value) -> Void
    ) {
      let known = rows.firstIndex { $0.labels == labels }
      if known == nil { rows.append((labels, first, now)) }
      change(&rows[known ?? rows.count - 1].value)
    }
  }

  private(set) var requests = Table<Int>()
  private(set) var requestSizes = Table<(count: Int, sum: Int)>()
  private(set) var responseSizes = Table<(count: Int, sum: Int)>()
  private(set) var durations = Table<Histogram>()
  private(set) var allDurations = Histogram([
    0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 7.5, 10, 30,
    60,
  ])

  mutating func observe(_ exchange: Exchange, now: Double) {
    let handler = ["handler": exchange.handler]
    let called = handler.merging(["method": exchange.method]) { $1 }
    let answered = called.merging(["status": "\(exchange.status / 100)xx"]) { $1 }
    requests.change(answered, from: 0, now: now) { $0 += 1 }
    requestSizes.change(handler, from: (0, 0), now: now) {
      $0 = ($0.count + 1, $0.sum + exchange.requestBytes)
    }
    responseSizes.change(handler, from: (0, 0), now: now) {
      $0 = ($0.count + 1, $0.sum + exchange.responseBytes)
    }
    durations.change(called, from: Histogram([0.1, 0.5, 1]), now: now) {
      $0.observe(exchange.seconds)
    }
    allDurations.observe(exchange.seconds)
  }
}
