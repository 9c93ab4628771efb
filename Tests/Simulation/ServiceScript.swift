import Fleet

/// What a world of services is like, drawn whole from the seed: each kind of fault in some worlds only.
struct ServiceScript {
  struct Replica {
    var node: Int
    var service: String
    var index: Int
    var fate: LaunchFate
  }

  static let readyTimeout: Milliseconds = 200_000

  var stopGraceSeconds: Int
  var delayMax: Milliseconds
  var replicas: [Replica] = []
  /// While it launches, from its beginning.
  var launchFaults: [(at: Milliseconds, fault: ServiceFault)] = []
  private var random: SplitMix64
  private let nodeCount: Int
  private let kinds: Int

  var hasFatalFate: Bool { self.replicas.contains { $0.fate.isFatal } }

  init(seed: UInt64, nodeCount: Int) {
    self.random = SplitMix64(state: seed &* 0xD6E8_FEB8_6659_FD93 &+ 11)
    self.nodeCount = nodeCount
    self.stopGraceSeconds = Int.random(in: 4...30, using: &self.random)
    self.delayMax = Bool.random(using: &self.random) ? 30 : 2000
    // A bit for each kind of disturbance.
    self.kinds = Int.random(in: 0..<16, using: &self.random)
    for node in 0..<nodeCount {
      self.replicas.append(
        Replica(
          node: node, service: "policy", index: node, fate: .loads(self.number(4000...40_000))))
    }
    if self.isSo(oneIn: 2) {
      for index in 0..<max(1, nodeCount / 5) {
        self.replicas.append(
          Replica(
            node: index * 4 % nodeCount, service: "judge", index: index,
            fate: .loads(self.number(4000...30_000))))
      }
    }
    var slow: Int?
    if self.isSo(oneIn: 5) { slow = self.drawSlowStart() }
    if self.isSo(oneIn: 4) { self.drawFatalFates() }
    self.drawLaunchFaults(slow: slow)
  }

  private mutating func number(_ range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &self.random)
  }

  private mutating func isSo(oneIn count: Int) -> Bool { self.number(1...count) == 1 }

  /// Something that comes just in time, though its agent is away when its time is up.
  ///
  /// - Returns: Its node.
  private mutating func drawSlowStart() -> Int {
    let node = self.number(0...self.nodeCount - 1)
    self.replicas[node].fate = .loads(Self.readyTimeout - self.number(1000...6000))
    let start = self.number(Self.readyTimeout - 3000...Self.readyTimeout)
    self.launchFaults.append(
      (start, .pause(node: node, self.number(4000...18_000), isFrozen: false)))
    return node
  }

  private mutating func drawFatalFates() {
    for _ in 0..<self.number(1...2) {
      let replica = self.number(0...self.replicas.count - 1)
      switch self.number(0...4) {
      case 0, 1: self.replicas[replica].fate = .exits(self.number(100...40_000))
      case 2: self.replicas[replica].fate = .wrongModel(self.number(4000...40_000))
      case 3: self.replicas[replica].fate = .neverListens
      default: self.replicas[replica].fate = .neverAnswers(self.number(4000...40_000))
      }
    }
  }

  /// - Parameter slow: A node that has no time left for more.
  private mutating func drawLaunchFaults(slow: Int?) {
    let nodes = (0..<self.nodeCount).filter { $0 != slow }
    for node in nodes {
      if self.kinds & 1 != 0, self.isSo(oneIn: 10) {
        self.launchFaults.append(
          (self.number(3500...50_000), .cut(node: node, self.number(100...100_000))))
      }
      if self.kinds & 2 != 0, self.isSo(oneIn: 10) {
        self.launchFaults.append(
          (
            self.number(100...60_000),
            .pause(node: node, self.number(100...30_000), isFrozen: false)
          ))
      }
    }
    if self.kinds & 4 != 0 {
      self.launchFaults.append((self.number(0...60_000), .stall(self.number(1000...60_000))))
    }
    // About the time by which all must be there.
    if self.kinds & 4 != 0, slow != nil {
      self.launchFaults.append(
        (Self.readyTimeout + self.number(0...29_000), .stall(self.number(1000...60_000))))
    }
  }

  // MARK: Once all is ready

  /// From then on until all is calm again.
  static let calmAfter: Milliseconds = 110_000
  static let endAfter: Milliseconds = 150_000

  /// - Returns: Times are from the end of the launch.
  mutating func drawServingFaults() -> [(at: Milliseconds, fault: ServiceFault)] {
    var faults: [(at: Milliseconds, fault: ServiceFault)] = []
    for replica in self.replicas.indices where self.isSo(oneIn: 3) {
      var at = self.number(1000...70_000)
      while at < 90_000 {
        if self.isSo(oneIn: 3) {
          faults.append((at, self.fatalFault(of: replica)))
          break
        }
        let conditions: [SimEngine.Condition] = [
          .isStopped, .isStopped, .hangs, .serverIsStopped, .refuses,
        ]
        let condition = conditions[self.number(0...conditions.count - 1)]
        if self.isSo(oneIn: 6) {
          faults.append((at, .stop(replica: replica, condition, nil)))
          break
        }
        let length = min(self.number(300...45_000), Self.calmAfter - at)
        faults.append((at, .stop(replica: replica, condition, length)))
        at += length + self.number(25_000...60_000)
      }
    }
    for node in 0..<self.nodeCount {
      if self.kinds & 1 != 0, self.isSo(oneIn: 6) {
        let length = self.number(100...120_000)
        faults.append((self.number(0...140_000 - length), .cut(node: node, length)))
      }
      if self.kinds & 2 != 0, self.isSo(oneIn: 5) {
        let isFrozen = self.isSo(oneIn: 2)
        faults.append(
          (
            self.number(0...100_000),
            .pause(node: node, self.number(100...30_000), isFrozen: isFrozen)
          ))
      }
    }
    if self.kinds & 4 != 0 {
      faults.append((self.number(0...70_000), .stall(self.number(1000...60_000))))
    }
    return faults
  }

  private mutating func fatalFault(of replica: Int) -> ServiceFault {
    switch self.number(0...3) {
    case 0: .killServer(replica: replica)
    case 1: .killEngine(replica: replica, nil)
    default: .killEngine(replica: replica, self.number(0...3500))
    }
  }
}
