/// How often the tool parser ran: once an answer, or once a delta of a stream. Only chat has one.
struct ToolParserCounts {
  private var counts: [String: Int] = [:]

  mutating func ran(streaming: Bool, foundCall: Bool) {
    counts[Self.key(streaming, foundCall), default: 0] += 1
  }

  func count(streaming: Bool, foundCall: Bool) -> Int {
    counts[Self.key(streaming, foundCall), default: 0]
  }

  private static func key(_ streaming: Bool, _ foundCall: Bool) -> String {
    "\(streaming) \(foundCall)"
  }
}
