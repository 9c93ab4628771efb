import Fleet
import Health
import Launch

/// A replica on its node: its processes, what its agent shows of it, and what should be found.
struct SimReplica {
  /// A completion that is asked.
  struct Canary {
    var number: Int
    var outcome: ProbeOutcome?
    var answer: CheckedContinuation<ProbeOutcome, Never>
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
  var engine = SimEngine()
  /// Of the hundred milliseconds, when its agent looks.
  let phase: Milliseconds
  var launchCount = 0
  /// Its agent waits for the next look.
  var rest: CheckedContinuation<Void, Never>?
  var restCount = 0
  /// It is to look then, whatever it waits for; `nil`: nothing has happened.
  var wakeAt: Milliseconds?
  var logLines: [String] = []
  var endIsTold = false
  /// Its agent ends it.
  var isEnding = false
  var isTerminating = false
  /// Looks under way that are late.
  var delayUnderWay: Milliseconds = 0
  var lookCount = 0
  var lastLookFailed = false
  var canary: Canary?
  var canaryCount = 0
  var lastCanaryFailed = false
  /// What its agent has shown, and the coordinator has heard.
  var posted: ReplicaStatus
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

  init(_ script: ServiceScript.Replica, seed: UInt64) {
    self.key = ReplicaKey(service: script.service, index: script.index)
    self.node = script.node
    self.fate = script.fate
    self.random = SplitMix64(state: seed)
    self.posted = ReplicaStatus(key: self.key, state: .waiting)
    self.phase = Int.random(in: 0..<100, using: &self.random)
  }

  var isStarted: Bool { self.launchCount > 0 }

  mutating func draw(_ range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &self.random)
  }

  /// The next instant, not before this, in which its agent looks.
  func tick(notBefore milliseconds: Milliseconds) -> Milliseconds {
    milliseconds + (self.phase - milliseconds % 100 + 100) % 100
  }
}
