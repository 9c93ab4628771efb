import Health

/// A model server as its agent sees it: one API server, and one engine that steps. What it does in
/// each state was measured of vLLM 0.32.
struct SimEngine {
  enum Activity: CaseIterable {
    case rests
    /// A token for each request every few milliseconds.
    case decodes
    /// A step every four seconds.
    case crawls
    /// A lone long prompt in many steps: only the KV cache fills.
    case prefills
    /// One step that takes long: it computes, and nothing moves.
    case steps
  }

  enum Condition {
    case runs
    /// A signal has stopped the engine.
    case isStopped
    /// It waits for what never comes, and `/proc` shows nothing of it.
    case hangs
    /// A signal has stopped the API server: connections are accepted, and nothing is answered.
    case serverIsStopped
    case refuses
  }

  var activity = Activity.rests
  var condition = Condition.runs
  /// Its port is open.
  var isLoaded = false
  /// It has no engine any more.
  var isDead = false
  /// Without an engine it answers 503 for good, and else goes.
  var serverStays = false
  var launchedAt: Milliseconds = 0
  var end: ProcessEnd?
  /// Others of its processes outlive the server.
  var hasOthers = false
  /// Requests in the batch, by its last step.
  private(set) var running = 0.0
  /// Completions of one token.
  var completionCount = 0.0
  private var updatedAt: Milliseconds = 0
  private var decoded: Milliseconds = 0
  private var crawled: Milliseconds = 0
  private var prefilled: Milliseconds = 0
  private var computed: Milliseconds = 0

  /// Whether it would do what there is to do.
  var engineRuns: Bool {
    switch self.condition {
    case .runs, .serverIsStopped, .refuses: self.isLoaded && !self.isDead && self.end == nil
    case .isStopped, .hangs: false
    }
  }

  var isGone: Bool { self.end != nil && !self.hasOthers }

  var stoppedProcess: String? {
    switch self.condition {
    case .isStopped: "process 7 (VLLM::EngineCor)"
    case .serverIsStopped: "process 6 (vllm)"
    case .runs, .hangs, .refuses: nil
    }
  }

  mutating func advance(to now: Milliseconds) {
    let passed = now - self.updatedAt
    guard passed > 0 else { return }
    self.updatedAt = now
    guard self.engineRuns else { return }
    switch self.activity {
    case .rests: self.computed += passed / 100
    case .decodes: self.decoded += passed
    case .crawls: self.crawled += passed
    case .prefills: self.prefilled += passed
    case .steps: break
    }
    if self.activity != .rests { self.computed += passed * 9 / 10 }
  }

  /// The whole machine stands still until then.
  mutating func freeze(from now: Milliseconds, until end: Milliseconds) {
    self.advance(to: now)
    self.updatedAt = end
  }

  /// - Parameter showsWork: Whether the first step of what it does now has set the gauges.
  mutating func begin(_ activity: Activity, showsWork: Bool, at now: Milliseconds) {
    self.advance(to: now)
    self.activity = activity
    if showsWork { self.showWork() }
  }

  /// A step that was long, and a prompt, end with a token.
  mutating func finishStep() {
    guard self.engineRuns, self.activity == .steps || self.activity == .prefills else { return }
    self.decoded += 1
  }

  mutating func set(_ condition: Condition, at now: Milliseconds) {
    self.advance(to: now)
    self.condition = condition
    self.showWork()
  }

  private mutating func showWork() {
    if self.engineRuns { self.running = self.activity == .rests ? 0 : 4 }
  }

  var processorTime: Duration { .milliseconds(self.computed) }

  var counters: EngineCounters {
    EngineCounters(
      running: self.running, waiting: 0,
      moving: [
        Double(self.decoded), Double(self.crawled / 4000), Double(self.prefilled),
        self.completionCount,
      ])
  }
}
