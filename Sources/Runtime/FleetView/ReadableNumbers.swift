/// Numbers as people read them; what is unknown is `?`, never 0.
extension Double? {
  package var whole: String {
    self.flatMap { $0.isFinite && abs($0) < 1e15 ? "\(Int($0.rounded()))" : nil } ?? "?"
  }

  /// With one digit behind the point.
  package var tenths: String {
    guard let value = self, value.isFinite, abs(value) < 1e15 else { return "?" }
    let tenths = Int((value * 10).rounded())
    return "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
  }

  /// Of a share, 0 to 1.
  package var percent: String { self.map { $0 * 100 }.whole }

  /// How long something takes, of seconds: `87ms`, `1.5s`, `240s`.
  package var latency: String {
    guard let seconds = self, seconds.isFinite, seconds < 1e12 else { return "?" }
    guard seconds >= 1 else { return "\(Int((seconds * 1000).rounded()))ms" }
    return "\(seconds < 100 ? self.tenths : self.whole)s"
  }

  /// How long something has lasted, of seconds: `12 s`, `3 min`, `5 h`, `2 d`.
  package var time: String {
    guard let seconds = self, seconds.isFinite, seconds < 1e12 else { return "?" }
    let whole = Int(max(0, seconds))
    switch whole {
    case ..<120: return "\(whole) s"
    case ..<7200: return "\(whole / 60) min"
    case ..<172_800: return "\(whole / 3600) h"
    default: return "\(whole / 86_400) d"
    }
  }
}
