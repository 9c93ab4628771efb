/// Milliseconds of a ``ServiceWorld`` since its beginning.
typealias Milliseconds = Int

/// What happens in a ``ServiceWorld``, at most 16 kinds. Numbers tell the latest of a kind from those
/// that came too late.
enum ServiceEvent {
  /// The agent looks at a replica.
  case tick(replica: Int)
  case lookAnswered(replica: Int, number: Int)
  case canaryAnswered(replica: Int, number: Int)
  case canaryTimesOut(replica: Int, number: Int)
  case logMark(replica: Int)
  case loaded(replica: Int)
  case activityEnds(replica: Int)
  case processEnds(replica: Int, ProcessFate)
  case fault(Int)
  case faultEnds(Int)
  case report(Int)
  case order(node: Int, epoch: Int)
  case linkLost(node: Int, epoch: Int)
  case attaches(node: Int, epoch: Int)
  case coordinatorTicks
  case ends

  enum ProcessFate {
    case exits(status: Int32)
    /// All processes go, at once.
    case killed
    /// The server alone.
    case serverKilled
  }

  /// Of two events of one instant the lower goes first; of one rank the earlier added.
  fileprivate var rank: Int {
    switch self {
    case .fault: 0
    case .faultEnds: 1
    case .processEnds: 2
    case .loaded: 3
    case .logMark: 4
    case .activityEnds: 5
    case .lookAnswered: 6
    case .canaryAnswered: 7
    case .canaryTimesOut: 8
    case .tick: 9
    case .order: 10
    case .report: 11
    case .linkLost: 12
    case .attaches: 13
    case .coordinatorTicks: 14
    case .ends: 15
    }
  }
}

/// Events in order of time: a binary heap.
struct EventQueue {
  private struct Entry {
    /// Time, rank and number, the first in the highest bits.
    var key: Int
    var event: ServiceEvent
  }

  private var heap: [Entry] = []
  private var count = 0

  mutating func add(_ event: ServiceEvent, at milliseconds: Milliseconds) {
    self.count += 1
    let entry = Entry(key: milliseconds << 36 | event.rank << 32 | self.count, event: event)
    var index = self.heap.count
    self.heap.append(entry)
    while index > 0 {
      let parent = (index - 1) / 2
      if self.heap[parent].key < entry.key { break }
      self.heap[index] = self.heap[parent]
      index = parent
    }
    self.heap[index] = entry
  }

  /// - Returns: `nil` when nothing is left.
  mutating func next() -> (at: Milliseconds, event: ServiceEvent)? {
    guard let first = self.heap.first, let last = self.heap.popLast() else { return nil }
    let count = self.heap.count
    if count > 0 {
      var index = 0
      while true {
        var child = 2 * index + 1
        if child >= count { break }
        if child + 1 < count, self.heap[child + 1].key < self.heap[child].key { child += 1 }
        if last.key < self.heap[child].key { break }
        self.heap[index] = self.heap[child]
        index = child
      }
      self.heap[index] = last
    }
    return (first.key >> 36, first.event)
  }
}
