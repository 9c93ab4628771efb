import NIOCore

/// What the engine counted since it started.
struct EngineCounts {
  var prefixQueries = 0
  var prefixHits = 0
  var promptTokens = 0
  var cachedTokens = 0
  var generationTokens = 0
  var finished: [String: Int] = [:]
  var iterationTokens = Histogram([
    1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384,
  ])
  var firstToken = Histogram([
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40,
    80, 160, 640, 2560,
  ])
  var interToken = Histogram([
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
  ])
  var endToEnd = Histogram(Self.requestBounds)
  var queue = Histogram(Self.requestBounds)

  private static let requestBounds = [
    0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680,
  ]

  /// Call before the sequence's `produced` moves.
  mutating func observeToken(of sequence: Sequence, _ now: NIODeadline) {
    generationTokens += 1
    if sequence.produced == 0 {
      promptTokens += sequence.promptTokens
      cachedTokens += sequence.cachedTokens
      firstToken.observe(Self.seconds(now - sequence.arrived))
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
  }

  private static func seconds(_ amount: TimeAmount) -> Double { Double(amount.nanoseconds) / 1e9 }
}
