import Fleet

/// How far counted work has come at one moment, as one line. Pure: time comes in.
package struct ProgressBar: Sendable {
  /// What stands before the bar, such as `eval`.
  package var label: String
  /// At least 0.
  package var total: Int
  /// 0 to the total.
  package var done: Int
  /// Since the work began, in this process.
  package var elapsed: Duration
  /// Of ``done``, what was there when this process began (a resumed run): not counted in rates.
  package var doneBefore: Int
  /// Items per second, per node, in the order they are to be shown; empty where unknown.
  package var rates: [(node: String, perSecond: Double)]

  package init(
    label: String, total: Int, done: Int, elapsed: Duration, doneBefore: Int = 0,
    rates: [(node: String, perSecond: Double)] = []
  ) {
    (self.label, self.total, self.done, self.elapsed) = (label, total, done, elapsed)
    (self.doneBefore, self.rates) = (doneBefore, rates)
  }

  /// Items per second of this process; `nil` before the first item and the first millisecond.
  private var rate: Double? {
    let seconds = self.elapsed / .seconds(1)
    let count = self.done - self.doneBefore
    return count > 0 && seconds >= 0.001 ? Double(count) / seconds : nil
  }

  /// `eval  [#########---------]  45%  135/300  62.1/s  ETA 3s  gpu01 15.2/s …`, without line feed.
  ///
  /// - Parameter width: Of the terminal, in columns; the line is shorter by one at least, because a
  ///   cursor behind the last column starts a new line on some terminals.
  package func line(width: Int) -> String {
    let facts = self.facts
    let room = width - 1
    let rest = TerminalText.width(of: self.label) + 2 + TerminalText.width(of: facts) + 4
    let barWidth = min(Self.barWidthMax, room - rest)
    var line = self.label + "  "
    if barWidth >= Self.barWidthMin {
      let filled = barWidth * self.percent / 100
      line += "[" + String(repeating: "#", count: filled)
      line += String(repeating: "-", count: barWidth - filled) + "]  "
    }
    line += facts
    for rate in self.rates {
      let next = "  \(rate.node) \(Self.text(ofRate: rate.perSecond))"
      guard TerminalText.width(of: line) + TerminalText.width(of: next) <= room else { break }
      line += next
    }
    return TerminalText.prefix(of: line, width: max(0, room))
  }

  /// The same facts for a stream that is no terminal, without bar and line feed.
  package var event: String {
    let rates = self.rates.map { "  \($0.node) \(Self.text(ofRate: $0.perSecond))" }
    return "\(self.label)  \(self.facts)\(rates.joined())"
  }

  /// Below it, a bar says less than the percentage beside it.
  private static let barWidthMin = 8
  private static let barWidthMax = 40

  /// Rounded down: 100 only where nothing is left.
  package var percent: Int {
    guard self.total > 0 else { return 100 }
    let done = min(max(self.done, 0), self.total)
    return Int(done.multipliedFullWidth(by: 100).low / UInt(self.total))
  }

  private var facts: String {
    let percent = "\(self.percent)%"
    var text = String(repeating: " ", count: max(0, 4 - percent.count)) + percent
    text += "  \(self.done)/\(self.total)"
    guard let rate = self.rate else { return text }
    text += "  \(Self.text(ofRate: rate))"
    let left = Double(max(0, self.total - self.done))
    if left == 0 { return "\(text)  in \(Self.text(of: self.elapsed))" }
    let seconds = min(Self.secondsMax, (left / rate).rounded(.up))
    return "\(text)  ETA \(Self.text(of: .seconds(seconds)))"
  }

  /// `0.25/s`, `62.1/s`, `1200/s`.
  static func text(ofRate rate: Double) -> String {
    guard rate.isFinite, rate >= 0, rate < 1e15 else { return "-/s" }
    let decimals = rate < 9.995 ? 2 : rate < 99.95 ? 1 : 0
    let scale = decimals == 2 ? 100 : decimals == 1 ? 10 : 1
    let scaled = Int((rate * Double(scale)).rounded())
    if decimals == 0 { return "\(scaled)/s" }
    return "\(scaled / scale).\((scaled % scale).digits(decimals))/s"
  }

  /// `3s`, `2m05s`, `1h02m`, `3d04h`.
  static func text(of duration: Duration) -> String {
    let seconds = min(max(0, duration.components.seconds), Int64(Self.secondsMax))
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400)
    if minutes == 0 { return "\(seconds)s" }
    if hours == 0 { return "\(minutes)m\((seconds % 60).digits(2))s" }
    if days == 0 { return "\(hours)h\((minutes % 60).digits(2))m" }
    return "\(days)d\((hours % 24).digits(2))h"
  }

  /// 999 days: a rate of almost nothing gives an estimate that nobody needs to read exactly.
  private static let secondsMax = 999.0 * 86_400
}
