import Coordinator
import Fleet
import Health
import Launch

/// A replica on its node: the machine that its agent runs, what it judges, and what it should find.
struct SimReplica {
  typealias Machine = ReplicaMachine<SimClock.Instant>

  struct Look {
    var number: Int
    var beganAt: Milliseconds
    var isLost: Bool
    /// What is too long of it.
    var delay: Milliseconds = 0
    var processorTime: Duration
    var stoppedProcess: String?
  }

  struct Canary {
    enum Outcome: Equatable {
      case answered
      case failed(String)
    }

    var number: Int
    var isProbe: Bool
    var outcome: Outcome?
  }

  /// A fault that its agent has to find.
  struct Expectation {
    var kind: FaultKind
    var at: Milliseconds
    /// Of the replica, at that time.
    var lookDelay: Milliseconds
    /// Of its node, at that time.
    var paused: Milliseconds
    /// Beyond the bound of its kind.
    var allowance: Milliseconds = 0
  }

  let key: ReplicaKey
  let node: Int
  let fate: LaunchFate
  var random: SplitMix64
  var machine: Machine
  var engine = SimEngine()
  /// Of the hundred milliseconds, when its agent looks.
  let phase: Milliseconds
  var isStarted = false
  var attempt = 0
  /// When the agent looks next; `nil`: it does not.
  var tickAt: Milliseconds?
  var endIsTold = false
  var isTerminating = false
  var look: Look?
  var lookCount = 0
  var lastLookFailed = false
  var canary: Canary?
  var canaryCount = 0
  var lastCanaryFailed = false
  /// What its agent has said, and the coordinator has heard.
  var posted: Machine.View
  var told: ReplicaPhase?

  // MARK: What is so

  var expectation: Expectation?
  var fatalSince: Milliseconds?
  var isStopped = false
  /// Until then it may be stalled still, and until then busy.
  var stalledUntil: Milliseconds = 0
  var busyUntil: Milliseconds = 0
  /// Of all looks that were late or lost, for which nobody is to blame.
  var lookDelay: Milliseconds = 0

  init(_ script: ServiceScript.Replica, stopGraceSeconds: Int, seed: UInt64) {
    self.key = ReplicaKey(service: script.service, index: script.index)
    self.node = script.node
    self.fate = script.fate
    self.random = SplitMix64(state: seed)
    self.machine = Machine(
      ReplicaSettings(
        isProbed: true, asksCanaries: true,
        readyTimeout: .milliseconds(ServiceScript.readyTimeout),
        stopGrace: .seconds(stopGraceSeconds)))
    self.posted = self.machine.view
    self.phase = Int.random(in: 0..<100, using: &self.random)
  }

  mutating func draw(_ range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &self.random)
  }

  /// The next instant, not before this, in which its agent looks.
  func tick(notBefore milliseconds: Milliseconds) -> Milliseconds {
    milliseconds + (self.phase - milliseconds % 100 + 100) % 100
  }
}

/// A node: its agent and its link.
struct SimAgent {
  var replicas: [Int] = []
  var random: SplitMix64
  /// While later than now its agent does not run.
  var pausedUntil: Milliseconds = 0
  private var pauseBeganAt: Milliseconds = 0
  private var pausedBefore: Milliseconds = 0
  /// Counts the links; what comes over an earlier one is lost.
  var epoch = 0
  var hasLink = false
  /// What is sent before arrives after.
  var holdUntil: Milliseconds = 0
  var sentAt: Milliseconds = 0
  /// Until then nobody can reach it.
  var cutUntil: Milliseconds = 0

  init(seed: UInt64) {
    self.random = SplitMix64(state: seed)
  }

  mutating func pause(at now: Milliseconds, until end: Milliseconds) {
    self.pausedBefore = self.paused(at: now)
    self.pauseBeganAt = now
    self.pausedUntil = end
  }

  /// For how long its agent has not run in all.
  func paused(at now: Milliseconds) -> Milliseconds {
    self.pausedBefore + min(now, self.pausedUntil) - self.pauseBeganAt
  }

  /// - Returns: When something that is sent now over its link arrives.
  mutating func arrival(of now: Milliseconds, delayMax: Milliseconds) -> Milliseconds {
    let delay = Int.random(in: 2...delayMax, using: &self.random)
    self.sentAt = max(max(now, self.holdUntil) + delay, self.sentAt)
    return self.sentAt
  }
}
