package import Telemetry

/// Numbers as people read them; what is unknown is `?`, never 0.
package enum ReadableNumber {
  package static let unknown = "?"

  /// - Parameter digits: Behind the point, 0 or 1.
  package static func number(_ value: Double?, digits: Int = 0) -> String {
    guard let value, value.isFinite, abs(value) < 1e15 else { return Self.unknown }
    guard digits > 0 else { return "\(Int(value.rounded()))" }
    let tenths = Int((value * 10).rounded())
    return "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
  }

  /// - Parameter share: 0 to 1.
  package static func percent(_ share: Double?) -> String { Self.number(share.map { $0 * 100 }) }

  /// How long something takes: `87ms`, `1.5s`, `240s`.
  package static func latency(_ seconds: Double?) -> String {
    guard let seconds, seconds.isFinite, abs(seconds) < 1e12 else { return Self.unknown }
    guard seconds >= 1 else { return "\(Int((seconds * 1000).rounded()))ms" }
    return "\(Self.number(seconds, digits: seconds < 100 ? 1 : 0))s"
  }

  /// A percentile: `87ms`, and `<300ms` or `>2560s` where its bucket says no more, which the mean then
  /// follows: `<300ms, mean 2ms`.
  package static func latency(_ quantile: HistogramQuantile?, mean: Double? = nil) -> String {
    guard let quantile else { return Self.unknown }
    guard let bound = quantile.bound else { return Self.latency(quantile.estimate) }
    let text = (bound.name == "below" ? "<" : ">") + Self.latency(bound.value)
    return mean.map { "\(text), mean \(Self.latency($0))" } ?? text
  }

  /// How long something has lasted: `12 s`, `3 min`, `5 h`, `2 d`.
  package static func time(_ seconds: Double?) -> String {
    guard let seconds, seconds.isFinite, seconds < 1e12 else { return Self.unknown }
    let whole = Int(max(0, seconds))
    switch whole {
    case ..<120: return "\(whole) s"
    case ..<7200: return "\(whole / 60) min"
    case ..<172_800: return "\(whole / 3600) h"
    default: return "\(whole / 86_400) d"
    }
  }
}
