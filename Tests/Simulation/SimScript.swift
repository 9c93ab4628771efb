import Fleet
import Rollouts

/// What a world is like and what befalls it: drawn whole from the seed, each kind of fault in some
/// worlds only, so that kinds do not drown each other.
struct SimScript: Sendable {
  enum Fault: Sendable {
    case crash(node: Int, forGood: Bool)
    case cut(node: Int)
    case heal(node: Int)
    case spoolFull(node: Int, Bool)
    /// From some batch on the spool is damaged, and the process finds it when it next writes.
    case spoolDamaged(node: Int)
    case killCoordinator
    case storeFull(node: Int, Bool)
  }

  enum Lie: Equatable, Sendable {
    /// Its records have the keys of other items.
    case key
    /// It sends records of items that it does not have.
    case items
  }

  var itemCount: UInt64
  /// On each node, of an item of usual length.
  var itemCosts: [Duration]
  var liar: Int?
  var lie = Lie.key
  /// Items that a node has under way at once.
  var concurrency = 1
  /// Items are of all lengths: from nothing to three times the usual.
  var hasLengths = false
  /// Items that fail whoever tries them, in order.
  var poison: [UInt64] = []
  /// Items that fail so often, once or twice, and then no more.
  var flaky: [UInt64: Int] = [:]
  var delayMax: Duration
  var damagePermille: Int
  var duplicatePermille: Int
  /// Of every node's spool: in some worlds so small that it fills up and is compacted.
  var spool = SpoolSettings()
  /// In order; all have passed or healed at ``healedAt``.
  var faults: [(at: Duration, fault: Fault)] = []
  let healedAt: Duration = .seconds(40)

  /// Once all is healed one node alone can do it in the time of its items, and some for waiting.
  var finishBound: Duration {
    // An item that failed waits for a node that may be gone until that is sure; three times at most.
    self.healedAt + self.itemCosts[0] * Int(self.itemCount) * (self.hasLengths ? 3 : 2)
      + .seconds(self.poison.isEmpty && self.flaky.isEmpty ? 90 : 150)
  }

  var plan: WorkPlan {
    do {
      return try WorkPlan(
        kind: "simulated", specification: Array("{}".utf8), taskCount: self.itemCount)
    } catch {
      preconditionFailure("\(error)")
    }
  }

  /// In quarters of the usual one, the same on every try.
  func length(of ordinal: UInt64) -> Int {
    guard self.hasLengths else { return 4 }
    var random = SplitMix64(state: ordinal &* 0x9E37_79B9_7F4A_7C15 &+ self.itemCount)
    // Most are short, a few long; 4 on average.
    return Int(random.next() % 8) == 0 ? 12 : Int(random.next() % 6)
  }

  init(seed: UInt64) {
    var random = SplitMix64(state: seed &* 0x9E37_79B9 &+ 7)
    func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    func isSo(oneIn count: Int) -> Bool { number(1...count) == 1 }
    let nodeCount = number(1...5)
    self.itemCount = UInt64(isSo(oneIn: 4) ? number(1...20) : number(100...600))
    self.itemCosts = (0..<nodeCount).map { _ in
      isSo(oneIn: 5) ? .milliseconds(number(200...900)) : .milliseconds(number(1...60))
    }
    // Node 0 stays honest and is never lost for good: somebody has to finish.
    self.liar = nodeCount > 1 && isSo(oneIn: 6) ? number(1...nodeCount - 1) : nil
    self.delayMax = .milliseconds(isSo(oneIn: 3) ? 900 : 20)
    self.damagePermille = isSo(oneIn: 3) ? 30 : 0
    self.duplicatePermille = isSo(oneIn: 2) ? 100 : 0
    for _ in 0..<(isSo(oneIn: 2) ? number(1...5) : 0) {
      let node = number(0...nodeCount - 1)
      let isForGood = node > 0 && isSo(oneIn: 3)
      self.add(number(50...30_000), .crash(node: node, forGood: isForGood))
    }
    for _ in 0..<(isSo(oneIn: 2) ? number(1...4) : 0) {
      let (node, start) = (number(0...nodeCount - 1), number(50...25_000))
      self.add(start, .cut(node: node))
      self.add(start + number(10...14_000), .heal(node: node))
    }
    for _ in 0..<(isSo(oneIn: 4) ? number(1...2) : 0) {
      let (node, start) = (number(0...nodeCount - 1), number(50...20_000))
      self.add(start, .spoolFull(node: node, true))
      self.add(start + number(100...15_000), .spoolFull(node: node, false))
    }
    for _ in 0..<(isSo(oneIn: 3) ? number(1...4) : 0) {
      self.add(number(50...30_000), .killCoordinator)
    }
    for _ in 0..<(isSo(oneIn: 6) ? 1 : 0) {
      let (node, start) = (number(0...nodeCount - 1), number(50...20_000))
      self.add(start, .storeFull(node: node, true))
      self.add(start + number(100...8_000), .storeFull(node: node, false))
    }
    if isSo(oneIn: 4) {
      // A record has some 60 bytes: the spool is full after some 16 to 100 of them.
      self.spool.sizeMax = number(1...6) << 10
      self.spool.compactionSize = self.spool.sizeMax / number(1...8)
      self.spool.pendingSizeMax = self.spool.sizeMax / number(1...4)
      self.spool.recentSizeMax = isSo(oneIn: 2) ? 256 : self.spool.sizeMax
      self.spool.batchSize = 512
    }
    for _ in 0..<(nodeCount > 1 && isSo(oneIn: 4) ? number(1...3) : 0) {
      self.add(number(50...10_000), .spoolDamaged(node: number(1...nodeCount - 1)))
    }
    self.faults.sort { $0.at < $1.at }
    self.addItems(using: &random)
  }

  /// What items are like: drawn last, so that a seed befalls a world with the same faults as ever.
  private mutating func addItems(using random: inout SplitMix64) {
    if Int.random(in: 1...3, using: &random) > 1 {
      self.concurrency = [4, 64, 64][Int.random(in: 0...2, using: &random)]
    }
    self.hasLengths = Bool.random(using: &random)
    self.lie = Bool.random(using: &random) ? .key : .items
    guard Int.random(in: 1...2, using: &random) == 1 else { return }
    var failing: Set<UInt64> = []
    for _ in 0..<Int.random(in: 1...12, using: &random) {
      let ordinal = UInt64.random(in: 0..<self.itemCount, using: &random)
      guard failing.insert(ordinal).inserted else { continue }
      if Int.random(in: 1...3, using: &random) == 1 {
        self.poison.append(ordinal)
      } else {
        self.flaky[ordinal] = Int.random(in: 1...2, using: &random)
      }
    }
    self.poison.sort()
  }

  private mutating func add(_ milliseconds: Int, _ fault: Fault) {
    self.faults.append((.milliseconds(milliseconds), fault))
  }
}
