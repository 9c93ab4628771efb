import Glibc
import NIOCore

/// The engine behind the server: a queue, up to `maxSequences` running, one token each a step.
// SAFETY: every member is used on `loop` only, which is the one thread of the server.
final class ModelEngine: @unchecked Sendable {
  enum Fault: String { case none, hang, error500, slow, crash, wrongModel = "wrong-model" }

  let options: ServeOptions
  let loop: any EventLoop
  private(set) var running: [Sequence] = []
  private(set) var waiting: [Sequence] = []
  private(set) var fault = Fault.none
  var counts = EngineCounts()
  private var prefixes: Set<UInt64> = []
  private var ticking = false
  private var serial: UInt64 = 0

  init(_ options: ServeOptions, _ loop: any EventLoop) {
    (self.options, self.loop) = (options, loop)
  }

  var isDead: Bool { fault == .error500 || fault == .crash }
  var servedNames: [String] { fault == .wrongModel ? ["wrong-model"] : options.servedNames }

  /// A number no other call got, for ids and unseeded draws.
  func nextSerial() -> UInt64 {
    serial += 1
    return serial
  }

  /// Blocks of the cache that the running sequences hold, over 4096.
  var cacheUsage: Double {
    let held = running.reduce(0) {
      $0 + ($1.promptTokens + $1.produced + options.blockSize - 1) / options.blockSize
    }
    return min(1, Double(held) / 4096)
  }

  func submit(_ sequence: Sequence) {
    sequence.arrived = .now()
    waiting.append(sequence)
    wake()
  }

  /// The client hung up: vLLM counts it nowhere.
  func drop(_ sequence: Sequence) {
    running.removeAll { $0 === sequence }
    waiting.removeAll { $0 === sequence }
  }

  func abortAll() { finishAll("abort") }

  func inject(_ kind: Fault) {
    fault = kind
    if isDead { finishAll("error") }
    // As after a killed engine: the server answers 500 and 503 for a moment, then ends with 0.
    if kind == .crash { loop.scheduleTask(in: .milliseconds(500)) { exit(0) } }
  }

  private func finishAll(_ reason: String) {
    let all = running + waiting
    (running, waiting) = ([], [])
    for sequence in all {
      counts.finished[reason, default: 0] += 1
      sequence.onFinish(reason)
    }
  }

  private func wake() {
    guard !ticking else { return }
    ticking = true
    let seconds = options.stepSeconds * (fault == .slow ? 50 : 1)
    loop.scheduleTask(in: .nanoseconds(Int64(seconds * 1e9))) {
      self.ticking = false
      if self.fault != .hang { self.step() }
      if !self.running.isEmpty || !self.waiting.isEmpty { self.wake() }
    }
  }

  private func step() {
    var tokens = admit()
    guard !running.isEmpty else { return }
    let now = NIODeadline.now()
    for sequence in running {
      tokens += 1
      counts.observeToken(of: sequence, now)
      sequence.produced += 1
      sequence.onPiece(sequence.pieces[sequence.produced - 1])
    }
    counts.iterationTokens.observe(Double(tokens))
    let finished = running.filter { $0.produced == $0.pieces.count }
    running.removeAll { $0.produced == $0.pieces.count }
    for sequence in finished {
      counts.observeFinish(of: sequence, now)
      sequence.onFinish(sequence.finishReason)
    }
  }

  /// Moves sequences from the queue; returns the prompt tokens that no cached block held.
  private func admit() -> Int {
    var computed = 0
    while running.count < options.maxSequences, !waiting.isEmpty {
      let sequence = waiting.removeFirst()
      sequence.started = .now()
      sequence.cachedTokens = cachedTokens(of: sequence.prompt)
      computed += sequence.promptTokens - sequence.cachedTokens
      counts.prefixQueries += sequence.promptTokens
      counts.prefixHits += sequence.cachedTokens
      running.append(sequence)
    }
    return computed
  }

  /// Tokens in whole leading blocks seen before. A token is four bytes of the prompt.
  private func cachedTokens(of prompt: [UInt8]) -> Int {
    if prefixes.count > 1_000_000 { prefixes.removeAll() }
    let bytes = options.blockSize * 4
    var (hash, hits, missed) = (SeededDraw.hashStart, 0, false)
    for end in stride(from: bytes, to: prompt.count, by: bytes) {
      hash = SeededDraw.hash(prompt[(end - bytes)..<end], from: hash)
      missed = prefixes.insert(hash).inserted || missed
      if !missed { hits += 1 }
    }
    return hits * options.blockSize
  }
}
