import NIOCore

/// What the engine counted since it started.
struct EngineCounts {
  /// Gauges as of the engine's last step: stale while it hangs and after it died.
  struct Gauges {
    var running = 0
    var waiting = 0
    /// 0 to 1.
    var cacheUsage = 0.0
  }

  var gauges = Gauges()
  var prefixQueries = 0
  var prefixHits = 0
  private(set) var promptTokens = 0
  private(set) var cachedTokens = 0
  private(set) var generationTokens = 0
  var queueRejections = 0
  var finished: [String: Int] = [:]
  var iterationTokens = Histogram([
    1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384,
  ])
  private(set) var firstToken = Histogram([
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40,
    80, 160, 640, 2560,
  ])
  private(set) var interToken = Histogram(Self.tokenBounds)
  private(set) var timePerToken = Histogram(Self.tokenBounds)
  private(set) var endToEnd = Histogram(Self.requestBounds)
  private(set) var queue = Histogram(Self.requestBounds)
  private(set) var inference = Histogram(Self.requestBounds)
  private(set) var prefill = Histogram(Self.requestBounds)
  private(set) var decode = Histogram(Self.requestBounds)
  private(set) var requestPrompt: Histogram
  private(set) var requestGeneration: Histogram
  private(set) var requestMaxGeneration: Histogram
  private(set) var requestMaxTokens: Histogram
  private(set) var requestComputed: Histogram
  private(set) var requestCopies = Histogram([1, 2, 5, 10, 20])
  private(set) var requestPreemptions = Histogram([1, 2, 3, 4, 5, 10, 20])

  private static let tokenBounds = [
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
  ]
  private static let requestBounds = [
    0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680,
  ]

  init(maxModelLength: Int) {
    let empty = Histogram(Histogram.bounds125(upTo: maxModelLength))
    (requestPrompt, requestGeneration, requestMaxGeneration) = (empty, empty, empty)
    (requestMaxTokens, requestComputed) = (empty, empty)
  }

  /// Call before the sequence's `produced` moves.
  mutating func observeToken(of sequence: Sequence, _ now: NIODeadline) {
    generationTokens += 1
    if sequence.produced == 0 {
      promptTokens += sequence.promptTokens
      cachedTokens += sequence.cachedTokens
      firstToken.observe(Self.seconds(now - sequence.arrived))
      sequence.firstToken = now
    } else {
      interToken.observe(Self.seconds(now - sequence.lastToken))
    }
    sequence.lastToken = now
  }

  mutating func observeFinish(of sequence: Sequence, _ now: NIODeadline) {
    // vLLM counts a request that ended in tool calls as `stop`.
    let reason = sequence.finishReason == "length" ? "length" : "stop"
    finished[reason, default: 0] += 1
    endToEnd.observe(Self.seconds(now - sequence.arrived))
    queue.observe(Self.seconds(sequence.started - sequence.arrived))
    inference.observe(Self.seconds(sequence.lastToken - sequence.started))
    prefill.observe(Self.seconds(sequence.firstToken - sequence.started))
    let decoding = Self.seconds(sequence.lastToken - sequence.firstToken)
    decode.observe(decoding)
    timePerToken.observe(decoding / Double(max(1, sequence.produced - 1)))
    requestPrompt.observe(Double(sequence.promptTokens))
    requestComputed.observe(Double(sequence.promptTokens - sequence.cachedTokens))
    requestGeneration.observe(Double(sequence.produced))
    // One answer a request: the longest of its answers is that one.
    requestMaxGeneration.observe(Double(sequence.produced))
    requestCopies.observe(1)
    requestMaxTokens.observe(Double(sequence.maxTokens))
    requestPreemptions.observe(0)
  }

  private static func seconds(_ amount: TimeAmount) -> Double { Double(amount.nanoseconds) / 1e9 }
}
