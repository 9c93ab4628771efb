import Fleet
import Health
import Launch
import NIOCore
import NIOHTTP1

/// Asks a model server for one token through the path that real requests take: nothing less shows that
/// an engine works.
struct CanaryProbe: Sendable {
  /// A server that is up answers `/v1/models` within a millisecond.
  private static let modelsTimeout = TimeAmount.seconds(5)
  /// The first completion may compile kernels.
  private static let completionTimeout = TimeAmount.seconds(60)

  let server: ModelServer
  /// That it asks for; empty: none.
  var key = ""

  /// Of a fingerprint; vLLM's has 21 bytes.
  private static let fingerprintSizeMax = 128

  func outcome(
    on group: any EventLoopGroup, note: @Sendable (ProbeNote) -> Void
  ) async throws -> ProbeOutcome {
    let models = try await HTTPProbeRequest(
      address: self.server.probedAddress, port: self.server.port, path: "/v1/models",
      key: self.key, timeout: Self.modelsTimeout
    ).answer(on: group)
    if let outcome = Self.judge(models: models, of: self.server) { return outcome }
    note(.completionBegan)
    let body =
      "{\"model\":\(JSONText.quoted(self.server.model)),\"prompt\":\"1\",\"max_tokens\":1}"
    let completion = try await HTTPProbeRequest(
      method: .POST, address: self.server.probedAddress, port: self.server.port,
      path: "/v1/completions", body: Array(body.utf8), key: self.key,
      timeout: Self.completionTimeout
    ).answer(on: group)
    if let fingerprint = JSONValue(parsing: completion.body)?["system_fingerprint"]?.string {
      note(.systemFingerprint(String(fingerprint.prefix(Self.fingerprintSizeMax))))
    }
    return Self.judge(completion: completion)
  }

  /// `nil`: the model is there.
  static func judge(models answer: HTTPProbeRequest.Answer, of server: ModelServer) -> ProbeOutcome?
  {
    if answer.status == 401 {
      let place =
        server.keyVariable.map { ", and neither \($0) nor an argument has it" }
        ?? ", and nothing says which"
      return .failed("/v1/models answers 401: it asks for a key\(place)")
    }
    guard answer.status == 200 else { return .failed("/v1/models answers \(answer.status)") }
    guard let data = JSONValue(parsing: answer.body)?["data"] else {
      return .failed("/v1/models does not answer with a list of models")
    }
    let names = data.elements.compactMap { $0["id"]?.string }
    if names.contains(server.model) { return nil }
    // Empty lists are seen while adapters load.
    if names.isEmpty { return .failed("/v1/models names no model yet") }
    let shown = names.prefix(4).map { "`\(String($0.prefix(200)))`" }.joined(separator: ", ")
    return .wrong("wrong model: it serves \(shown), not `\(server.model)`")
  }

  static func judge(completion answer: HTTPProbeRequest.Answer) -> ProbeOutcome {
    let json = JSONValue(parsing: answer.body)
    let message = json?["error"]?["message"]?.string.map { ": \(String($0.prefix(300)))" } ?? ""
    guard answer.status == 200 else {
      return .failed("a completion answers \(answer.status)\(message)")
    }
    if let error = json?["error"], error != .null {
      return .failed("a completion answers with an error\(message)")
    }
    guard let reason = json?["choices"]?.elements.first?["finish_reason"]?.string else {
      return .failed("a completion answers without a choice that is finished")
    }
    return reason == "abort" ? .failed("a completion was aborted") : .succeeded
  }
}
