import NIOHTTP1

/// An ordinary HTTP answer.
struct Answer: Error {
  var status = HTTPResponseStatus.ok
  var type = "application/json"
  var body = ""

  static func json(_ value: JSONValue) -> Answer { Answer(body: value.text) }

  /// The error body of vLLM's own routes.
  static func failure(
    _ status: HTTPResponseStatus, _ type: String, _ message: String, param: JSONValue = nil
  ) -> Answer {
    let error: JSONValue = [
      "message": .string(message), "type": .string(type), "param": param,
      "code": .int(Int(status.code)),
    ]
    return Answer(status: status, body: (["error": error] as JSONValue).text)
  }

  static let engineDead = failure(
    .internalServerError, "InternalServerError",
    "EngineCore encountered an issue. See stack trace (above) for the root cause.")

  static let wrongType = failure(
    .badRequest, "Bad Request", "Unsupported Media Type: Only 'application/json' is allowed")

  static let busy = failure(
    .serviceUnavailable, "Service Unavailable",
    "The engine is currently busy and cannot accept new requests. "
      + "Please try again later or on a different instance.")

  /// The body of the web framework, for paths and methods it does not know.
  static func detail(_ status: HTTPResponseStatus, _ text: String) -> Answer {
    Answer(status: status, body: (["detail": .string(text)] as JSONValue).text)
  }
}
