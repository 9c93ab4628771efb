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
  private(set) var counts: EngineCounts
  var http = HTTPCounts()
  var toolParser = ToolParserCounts()
  /// When the counts began, in seconds since 1970.
  let created = ProcessFacts.now
  private var prefixes: Set<UInt64> = []
  private var ticking = false
  private var serial: UInt64 = 0

  init(_ options: ServeOptions, _ loop: any EventLoop) {
    (self.options, self.loop) = (options, loop)
    counts = EngineCounts(maxModelLength: options.maxModelLength)
  }

  var isDead: Bool { fault == .error500 || fault == .crash }
  var servedNames: [String] { fault == .wrongModel ? ["wrong-model"] : options.servedNames }

  /// A number no other call got, for ids and unseeded draws.
  func nextSerial() -> UInt64 {
    serial += 1
    return serial
  }

  static let cacheBlocks = 4096

  /// Blocks of the cache that the running sequences hold, over all.
  private var cacheUsage: Double {
    let held = running.reduce(0) {
      $0 + ($1.promptTokens + $1.produced + options.blockSize - 1) / options.blockSize
    }
    return min(1, Double(held) / Double(Self.cacheBlocks))
  }

  /// False, and counted, where the queue is full.
  func accepts() -> Bool {
    guard let limit = options.maxQueued, running.count + waiting.count >= limit else { return true }
    counts.queueRejections += 1
    return false
  }

  func submit(_ sequence: Sequence) {
    sequence.arrived = .now()
    waiting.append(sequence)
    showGauges()
    wake()
  }

  /// The client hung up: vLLM counts it nowhere.
  func drop(_ sequence: Sequence) {
    running.removeAll { $0 === sequence }
    waiting.removeAll { $0 === sequence }
    showGauges()
  }

  /// The gauges come from the engine: one that hangs or is dead leaves them as they were. SGLang's are
  /// those of its last step for 30 s of rest.
  private func showGauges() {
    guard fault != .hang, !isDead else { return }
    guard options.manner == .vllm || !running.isEmpty || !waiting.isEmpty else {
      loop.scheduleTask(in: .seconds(30)) { self.renewGauges() }
      return
    }
    renewGauges()
  }

  private func renewGauges() {
    counts.gauges = EngineCounts.Gauges(
      running: running.count, waiting: waiting.count, cacheUsage: cacheUsage)
  }

  func abortAll() { finishAll("abort") }

  func inject(_ kind: Fault) {
    fault = kind
    showGauges()
    // As after a killed engine: the server answers 500 and 503 for a moment, then ends with 0. It
    // learns of the end from a request that fails, or else from its watchdog.
    if kind == .crash { endServer(in: .milliseconds(running.isEmpty ? 2900 : 620)) }
    if isDead { finishAll("error") }
  }

  /// The answer of a dead engine; one that crashed takes the server with it.
  func refuse() -> Answer {
    if fault == .crash { endServer(in: .milliseconds(50)) }
    return .engineDead
  }

  private func endServer(in time: TimeAmount) {
    loop.scheduleTask(in: time) { exit(0) }
  }

  private func finishAll(_ reason: String) {
    let all = running + waiting
    (running, waiting) = ([], [])
    for sequence in all {
      // A dead engine counts nothing any more.
      if reason != "error" { counts.finished[reason, default: 0] += 1 }
      sequence.onFinish(reason)
    }
    showGauges()
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
    showGauges()
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
