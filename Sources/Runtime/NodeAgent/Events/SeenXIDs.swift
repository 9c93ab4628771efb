/// Tells an XID that is new from one that was told already: what the driver writes to the kernel's log
/// may be in a replica's log, too.
///
/// The same words may come again and again from one source, which is news each time; so as many are
/// told as the source that has it most often says.
struct SeenXIDs: Sendable {
  private struct Entry: Sendable {
    var text: String
    var counts: [String: Int]
    var milliseconds: Int64
  }

  /// Behind the first of the sources, another says the same within a minute.
  private static let windowMilliseconds: Int64 = 60_000
  /// A machine in trouble has fewer kinds of trouble at once.
  private static let countMax = 64

  /// Oldest first.
  private var entries: [Entry] = []

  /// - Parameters:
  ///   - line: With `Xid (` in it; what is before that is the source's own.
  ///   - source: The replica whose log it is in; empty: the kernel's.
  mutating func isNew(_ line: String, from source: String, at milliseconds: Int64) -> Bool {
    let start = line.firstRange(of: "Xid (")?.lowerBound ?? line.startIndex
    let text = String(line[start...])
    self.entries.removeAll { abs(milliseconds - $0.milliseconds) > Self.windowMilliseconds }
    var entry = Entry(text: text, counts: [:], milliseconds: milliseconds)
    if let index = self.entries.firstIndex(where: { $0.text == text }) {
      entry.counts = self.entries.remove(at: index).counts
    }
    let told = entry.counts.values.max() ?? 0
    let count = entry.counts[source, default: 0] + 1
    entry.counts[source] = count
    if self.entries.count >= Self.countMax { self.entries.removeFirst() }
    self.entries.append(entry)
    return count > told
  }
}
