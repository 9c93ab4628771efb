/// How far a work is, in one line: a bar, counts, the rate of all and of each node, time left.
package struct ProgressLine: Sendable {
  package var done: UInt64
  package var total: UInt64
  /// Items a second by node; 0: unknown.
  package var rates: [(node: String, rate: Double)]

  package init(done: UInt64, total: UInt64, rates: [(node: String, rate: Double)]) {
    self.done = done
    self.total = total
    self.rates = rates
  }

  /// - Parameter width: Columns of the terminal, or `nil` where there is none: then without the bar.
  package func rendered(width: Int?) -> String {
    let rate = self.rates.reduce(0) { $0 + $1.rate }
    let percent = self.total == 0 ? 100 : Int(self.done * 100 / self.total)
    var text = "\(self.done) of \(self.total) (\(percent) %)"
    if rate > 0 {
      text += ", \(Self.whole(rate))/s"
      if self.done < self.total {
        text += ", \(Self.time(Double(self.total - self.done) / rate)) left"
      }
    }
    guard let width else { return text + self.nodes(room: 200) }
    let room = width - text.count - 2
    guard room >= 12 else { return String(text.prefix(max(width - 1, 0))) }
    let size = min(room - 2, 30)
    let filled = self.total == 0 ? size : Int(self.done * UInt64(size) / self.total)
    let bar = String(repeating: "=", count: filled) + String(repeating: " ", count: size - filled)
    return "[\(bar)] " + text + self.nodes(room: room - size - 4)
  }

  /// `; node01 512/s, …`, as many as there is room for.
  private func nodes(room: Int) -> String {
    var text = ""
    for (node, rate) in self.rates {
      let next = (text.isEmpty ? "; " : ", ") + "\(node) \(Self.whole(rate))/s"
      if text.count + next.count > room { return text }
      text += next
    }
    return text
  }

  private static func whole(_ value: Double) -> String {
    value.isFinite && value < 1e15 ? "\(Int(value.rounded()))" : "?"
  }

  /// `12 s`, `3 min 20 s`, `2 h 05 min`.
  private static func time(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "?" }
    let whole = Int(seconds.rounded(.up))
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    let minutes = whole % 3600 / 60
    return "\(whole / 3600) h \(minutes < 10 ? "0" : "")\(minutes) min"
  }
}
