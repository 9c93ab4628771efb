/// Prometheus text as Python's `prometheus_client` writes it: labels sorted by name, and behind
/// every counter, histogram and summary a gauge with the time it was made.
struct MetricsText {
  enum Kind: String { case gauge, counter, histogram, summary }

  enum Value {
    case number(Double)
    case histogram(Histogram)
    case summary(count: Int, sum: Int)
  }

  struct Series {
    var labels: [String: String] = [:]
    let value: Value
    /// Seconds since 1970; nil where the client writes no `_created`.
    var created: Double?
  }

  private(set) var text = ""

  mutating func family(_ name: String, _ kind: Kind, _ help: String, _ series: [Series]) {
    head(name, kind, help)
    for one in series { write(one, name) }
    let made = series.filter { $0.created != nil }
    guard !made.isEmpty else { return }
    let stem = kind == .counter && name.hasSuffix("_total") ? String(name.dropLast(6)) : name
    head("\(stem)_created", .gauge, help)
    for one in made { line("\(stem)_created", one.labels, one.created ?? 0) }
  }

  private mutating func head(_ name: String, _ kind: Kind, _ help: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
  }

  private mutating func write(_ series: Series, _ name: String) {
    let labels = series.labels
    switch series.value {
    case .number(let value): line(name, labels, value)
    case .histogram(let histogram):
      let bounds = histogram.bounds.map(Self.number) + ["+Inf"]
      for (bound, count) in zip(bounds, histogram.buckets + [histogram.count]) {
        line("\(name)_bucket", labels.merging(["le": bound]) { $1 }, Double(count))
      }
      line("\(name)_count", labels, Double(histogram.count))
      line("\(name)_sum", labels, histogram.sum)
    case .summary(let count, let sum):
      line("\(name)_count", labels, Double(count))
      line("\(name)_sum", labels, Double(sum))
    }
  }

  private mutating func line(_ name: String, _ labels: [String: String], _ value: Double) {
    let pairs = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }
    text += name + (pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}")
    text += " \(Self.number(value))\n"
  }

  private static func escaped(_ value: String) -> String {
    value.reduce(into: "") { text, character in
      switch character {
      case "\\": text += "\\\\"
      case "\"": text += "\\\""
      case "\n": text += "\\n"
      default: text.append(character)
      }
    }
  }

  /// As `floatToGoString` of the client: from a million on with an exponent.
  static func number(_ value: Double) -> String {
    let plain = "\(value)"
    guard value > 0, let dot = plain.firstIndex(of: "."), !plain.contains("e") else { return plain }
    let whole = plain[..<dot]
    guard whole.count > 6 else { return plain }
    var digits = String(whole.dropFirst() + plain[dot...].dropFirst())
    while digits.last == "0" { digits.removeLast() }
    let mantissa = digits.isEmpty ? "\(whole.prefix(1))" : "\(whole.prefix(1)).\(digits)"
    return "\(mantissa)e+0\(whole.count - 1)"
  }
}
