import Health
import Launch
import Testing

@testable import NodeAgent

@Suite struct CanaryTests {
  private static func words(_ outcome: ProbeOutcome?) -> String {
    switch outcome {
    case .failed(let reason)?, .wrong(let reason)?: reason
    case .succeeded?: "succeeded"
    case nil: ""
    }
  }

  /// Whatever a server answers is told, and never traps.
  @Test(arguments: [
    ("", "does not answer with a list of models"), ("{", "does not answer with a list of models"),
    (String(repeating: "[", count: 100_000), "does not answer with a list of models"),
    (#"{"data":{}}"#, "does not answer with a list of models"),
    (#"{"data":[]}"#, "names no model yet"), (#"{"data":[{"id":null}]}"#, "names no model yet"),
    (#"{"data":[{"id":"\ud83d\ude00 \"a\""}]}"#, "it serves `😀 \"a\"`, not `m`"),
    (#"{"data":[{"id":"m","permission":[{"x":1.5e3}]}]}"#, ""),
  ])
  func `the answer of a list of models is judged`(body: String, reason: String) {
    let outcome = CanaryProbe.judge(
      models: .init(status: 200, body: Array(body.utf8)), of: ModelServer(port: 1, model: "m"))
    #expect(reason.isEmpty ? outcome == nil : Self.words(outcome).hasSuffix(reason))
  }

  @Test(arguments: [
    (#"{"error":"busy"}"#, "answers with an error"),
    (#"{"error":{"message":"x","code":5}}"#, "answers with an error: x"),
    (#"{"error":null,"choices":[]}"#, "a choice that is finished"),
    ("nul", "a choice that is finished"),
    (#"{"choices":[{"finish_reason":"abort"}]}"#, "was aborted"),
    (
      #"{"error":null,"choices":[{"finish_reason":"stop"}],"system_fingerprint":null}"#, "succeeded"
    ),
  ])
  func `the answer of a completion is judged`(body: String, reason: String) {
    let outcome = CanaryProbe.judge(completion: .init(status: 200, body: Array(body.utf8)))
    #expect(Self.words(outcome).hasSuffix(reason))
  }

  @Test(arguments: [
    (404, #"{"error":{"message":"The model does not support Completions API"}}"#, true),
    (404, #"{"detail":"Not Found"}"#, true),
    (404, #"{"error":{"message":"The model `x` does not exist."}}"#, false),
    (400, #"{"error":{"message":"The model does not support Completions API"}}"#, true),
    (400, #"{"error":{"message":"max_tokens is too large"}}"#, false),
    (405, "", true), (503, "", false), (500, #"{"error":{"message":"x"}}"#, false),
  ])
  func `a server that does not generate will never be ready`(
    status: Int, body: String, isLasting: Bool
  ) {
    let answer = HTTPProbeRequest.Answer(status: status, body: Array(body.utf8))
    let outcome = CanaryProbe.judge(completion: answer)
    if case .wrong(let reason) = outcome {
      #expect(isLasting && reason.hasPrefix("it does not generate: a completion answers"))
    } else {
      #expect(!isLasting)
    }
  }
}
