/// The command line: `serve MODEL --port P …` as vLLM has it, or `--model-path MODEL --port P …` as
/// SGLang. Flags it does not know are accepted and ignored.
struct ServeOptions: Sendable {
  /// Whose paths, words and metrics it has.
  enum Manner: Sendable { case vllm, sglang }

  struct Refusal: Error { let message: String }

  var manner = Manner.vllm
  var model = ""
  var host = "0.0.0.0"
  var port = 8000
  var servedNames: [String] = []
  var maxModelLength = 32_768
  var maxSequences = 256
  var blockSize = 16
  var givesBlockSize = false
  /// As it was written: the stub only shows it.
  var memoryUtilization = "0.92"
  /// Requests in flight from which on another is refused; nil where there is no limit.
  var maxQueued: Int?
  /// Seconds from start to the open port.
  var loadSeconds = 0.3
  /// Seconds of one decode step.
  var stepSeconds = 0.001
  /// Turns of a conversation in which tools are called; then it answers in words. nil: no limit.
  var toolTurnCountMax: Int?
  var diesWhileLoading = false
  var ignoresTerm = false
  /// Of SGLang, which shows none without.
  var showsMetrics = true

  /// Reads the process's arguments, the program's name first.
  init(_ arguments: [String]) throws(Refusal) {
    var words = arguments.dropFirst()[...]
    if words.first == "serve" {
      words.removeFirst()
    } else {
      guard words.contains("--model-path") else {
        throw Refusal(
          message: "usage: stub-model-server serve MODEL --port P [vllm's flags], or "
            + "stub-model-server --model-path MODEL --port P [sglang's flags]")
      }
      (manner, port, host, showsMetrics) = (.sglang, 30_000, "127.0.0.1", false)
    }
    while let word = words.popFirst() {
      guard word.hasPrefix("-") else {
        if model.isEmpty { model = word }
        continue
      }
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      var values = parts.count == 2 ? [String(parts[1])] : []
      // A model can only stand first, so every word up to the next flag is a value.
      while parts.count == 1, let next = words.first, !next.hasPrefix("-") {
        values.append(next)
        words.removeFirst()
      }
      try set(String(parts[0]), values)
    }
    guard !model.isEmpty else { throw Refusal(message: "serve: the model is missing") }
    if servedNames.isEmpty { servedNames = [model] }
  }

  private mutating func set(_ flag: String, _ values: [String]) throws(Refusal) {
    switch flag {
    case "--model-path": model = values.first ?? ""
    case "--enable-metrics": showsMetrics = true
    case "--context-length": maxModelLength = try Self.int(flag, values, 1...10_000_000)
    case "--max-running-requests": maxSequences = try Self.int(flag, values, 1...100_000)
    case "--host": host = values.first ?? host
    case "--port": port = try Self.int(flag, values, 0...65_535)
    case "--served-model-name": servedNames = values
    case "--max-model-len": maxModelLength = try Self.int(flag, values, 1...10_000_000)
    case "--max-num-seqs": maxSequences = try Self.int(flag, values, 1...100_000)
    case "--max-num-queued-reqs": maxQueued = try Self.int(flag, values, 1...1_000_000)
    case "--block-size":
      blockSize = try Self.int(flag, values, 1...4096)
      givesBlockSize = true
    case "--gpu-memory-utilization": memoryUtilization = values.first ?? memoryUtilization
    case "--stub-load-seconds": loadSeconds = try Self.seconds(flag, values)
    case "--stub-step-seconds": stepSeconds = try Self.seconds(flag, values)
    case "--stub-tool-turns": toolTurnCountMax = try Self.int(flag, values, 0...1000)
    case "--stub-die-while-loading": diesWhileLoading = true
    case "--stub-ignore-term": ignoresTerm = true
    default: break
    }
  }

  private static func int(
    _ flag: String, _ values: [String], _ range: ClosedRange<Int>
  ) throws(Refusal) -> Int {
    let word = values.first ?? ""
    let scaled = word.hasSuffix("k") ? Int(word.dropLast()).map { $0 * 1000 } : Int(word)
    guard let value = scaled, range.contains(value) else {
      throw Refusal(message: "argument \(flag): invalid int value: '\(word)'")
    }
    return value
  }

  private static func seconds(_ flag: String, _ values: [String]) throws(Refusal) -> Double {
    guard let value = values.first.flatMap(Double.init), (0...3600).contains(value) else {
      throw Refusal(message: "argument \(flag): want seconds from 0 to 3600")
    }
    return value
  }
}
