import Fleet
import FoundationEssentials
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
  /// It is sent to nobody else.
  var proof: AskedListener?

  /// Of a fingerprint; vLLM's has 21 bytes.
  private static let fingerprintSizeMax = 128

  func outcome(
    on group: any EventLoopGroup, note: @Sendable (ProbeNote) -> Void
  ) async throws -> ProbeOutcome {
    let models = try await HTTPProbeRequest(
      address: self.server.probedAddress, port: self.server.port, path: "/v1/models",
      key: self.key, timeout: Self.modelsTimeout, proof: self.proof
    ).answer(on: group)
    if let outcome = Self.judge(models: models, of: self.server) { return outcome }
    note(.completionBegan)
    let body =
      "{\"model\":\(JSONText.quoted(self.server.model)),\"prompt\":\"1\",\"max_tokens\":1}"
    let completion = try await HTTPProbeRequest(
      method: .POST, address: self.server.probedAddress, port: self.server.port,
      path: "/v1/completions", body: Array(body.utf8), key: self.key,
      timeout: Self.completionTimeout, proof: self.proof
    ).answer(on: group)
    if let fingerprint = (completion.json() as Completion?)?.systemFingerprint {
      note(.systemFingerprint(fingerprint.cut(toBytes: Self.fingerprintSizeMax)))
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
    guard let list: ModelList = answer.json() else {
      return .failed("/v1/models does not answer with a list of models")
    }
    let names = list.data.compactMap(\.id)
    if names.contains(server.model) { return nil }
    // Empty lists are seen while adapters load.
    if names.isEmpty { return .failed("/v1/models names no model yet") }
    let shown = names.prefix(4).map { "`\($0.cut(toBytes: 200))`" }.joined(separator: ", ")
    return .wrong("wrong model: it serves \(shown), not `\(server.model)`")
  }

  static func judge(completion answer: HTTPProbeRequest.Answer) -> ProbeOutcome {
    let completion: Completion? = answer.json()
    let message = completion?.error?.message.map { ": \($0.cut(toBytes: 300))" } ?? ""
    if Self.isRefusal(answer.status, message) {
      return .wrong("it does not generate: a completion answers \(answer.status)\(message)")
    }
    guard answer.status == 200 else {
      return .failed("a completion answers \(answer.status)\(message)")
    }
    if completion?.error != nil { return .failed("a completion answers with an error\(message)") }
    guard let reason = completion?.choices?.first?.finishReason else {
      return .failed("a completion answers without a choice that is finished")
    }
    return reason == "abort" ? .failed("a completion was aborted") : .succeeded
  }

  /// Whether a server that has named its model will never complete anything: it has no such route, as a
  /// model of embeddings has none, or says so.
  private static func isRefusal(_ status: Int, _ message: String) -> Bool {
    switch status {
    case 405, 501: true
    case 404: message.isEmpty || message.contains("support")
    case 400: message.contains("Completions API")
    default: false
    }
  }
}

/// What of the answers a probe looks at. What is no UTF-8 in them is mended.
private struct ModelList: Decodable {
  struct Model: Decodable {
    var id: String?
  }

  var data: [Model]
}

private struct Completion: Decodable {
  struct Choice: Decodable {
    var finishReason: String?
  }

  /// Of any form: its message where it has one.
  struct Failure: Decodable {
    private enum CodingKeys: CodingKey {
      case message
    }

    var message: String?

    init(from decoder: any Decoder) throws {
      self.message = try? decoder.container(keyedBy: CodingKeys.self)
        .decode(String.self, forKey: .message)
    }
  }

  var error: Failure?
  var choices: [Choice]?
  var systemFingerprint: String?
}

extension HTTPProbeRequest.Answer {
  /// `nil` where the body is not JSON of that form.
  fileprivate func json<Value: Decodable>() -> Value? {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let text = Data(String(decoding: self.body, as: UTF8.self).utf8)
    return try? decoder.decode(Value.self, from: text)
  }
}
