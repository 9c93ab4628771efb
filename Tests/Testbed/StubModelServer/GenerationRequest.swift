import NIOHTTP1

/// A completion or chat request, checked as vLLM checks it.
struct GenerationRequest {
  let isChat: Bool
  let model: String
  let prompt: [UInt8]
  let maxTokens: Int
  let seed: UInt64?
  let streams: Bool
  let includesUsage: Bool
  let ignoresEnd: Bool
  /// The functions the answer may call: empty where it is to be plain text.
  private(set) var functions: [JSONValue] = []
  /// Whether the tool parser reads the answer.
  private(set) var mayCall = false
  private(set) var namesFunction = false
  private(set) var callsOnce = false

  init(_ bytes: [UInt8], isChat: Bool, _ engine: ModelEngine) throws(Answer) {
    guard let body = JSONValue.parsed(bytes), case .object = body else {
      throw Self.malformed("JSON decode error", "body")
    }
    self.isChat = isChat
    if let name = body["model"]?.string, !engine.servedNames.contains(name) {
      let aliases = engine.servedNames.joined(separator: ", ")
      throw .failure(
        .notFound, "NotFoundError",
        "The model `\(name)` does not exist. Valid aliases: \(aliases).", param: "model")
    }
    model = body["model"]?.string ?? engine.servedNames[0]
    prompt = try isChat ? Self.chatPrompt(body) : Self.plainPrompt(body)
    let room = engine.options.maxModelLength - Sequence.tokens(prompt.count)
    guard room > 0 else {
      let limit = engine.options.maxModelLength
      throw Self.bad(
        "This model's maximum context length is \(limit) tokens. However, your prompt contains "
          + "at least \(limit + 1) input tokens.", "input_tokens")
    }
    if let temperature = body["temperature"]?.double, temperature < 0 {
      throw Self.bad("temperature must be non-negative, got \(temperature).", "temperature")
    }
    let asked = body["max_completion_tokens"]?.int ?? body["max_tokens"]?.int
    if let asked, asked < 1 {
      throw Self.bad("max_tokens must be at least 1, got \(asked).", "max_tokens")
    }
    maxTokens = min(asked ?? (isChat ? room : 16), room)
    seed = body["seed"]?.int.map { UInt64(bitPattern: Int64($0)) }
    streams = body["stream"]?.bool ?? false
    includesUsage = body["stream_options"]?["include_usage"]?.bool ?? false
    ignoresEnd = body["ignore_eos"]?.bool ?? false
    callsOnce = body["parallel_tool_calls"]?.bool == false
    guard isChat else { return }
    try readTools(body)
    mayCall = !functions.isEmpty
    // A model that always calls tools ends no conversation.
    let turns = body["messages"]?.array?.count { $0["tool_calls"]?.array?.isEmpty == false } ?? 0
    if let most = engine.options.toolTurnCountMax, turns >= most, !namesFunction { functions = [] }
  }

  private mutating func readTools(_ body: JSONValue) throws(Answer) {
    let tools = (body["tools"]?.array ?? []).compactMap { $0["function"] }
    guard tools.allSatisfy({ $0["name"]?.string != nil }) else {
      throw Self.malformed("Field required", "body.tools.function.name")
    }
    let choice = body["tool_choice"]
    if let name = choice?["function"]?["name"]?.string {
      functions = tools.filter { $0["name"]?.string == name }
      (namesFunction, callsOnce) = (true, true)
      guard !functions.isEmpty else {
        throw Self.bad(
          "The tool specified in tool_choice does not match any of the specified tools",
          "tool_choice")
      }
    } else if choice?.string != "none" {
      if choice?.string == "required", tools.isEmpty {
        throw Self.bad("When using tool_choice, tools must be set.", "tool_choice")
      }
      functions = tools
    }
  }

  private static func chatPrompt(_ body: JSONValue) throws(Answer) -> [UInt8] {
    guard let messages = body["messages"]?.array else {
      throw malformed("Field required", "body.messages")
    }
    var text = body["tools"].map { $0.text + "\n" } ?? ""
    for message in messages {
      guard let role = message["role"]?.string else {
        throw malformed("Field required", "body.messages.role")
      }
      let content = message["content"]?.string ?? message["content"]?.text ?? ""
      let calls = message["tool_calls"]?.text ?? ""
      text += "<|\(role)|>\(content)\(calls)\n"
    }
    return Array((text + "<|assistant|>").utf8)
  }

  private static func plainPrompt(_ body: JSONValue) throws(Answer) -> [UInt8] {
    if let text = body["prompt"]?.string { return Array(text.utf8) }
    guard let ids = body["prompt"]?.array, !ids.isEmpty, ids.allSatisfy({ $0.int != nil }) else {
      throw malformed("Field required", "body.prompt")
    }
    // A list of token ids: four bytes each, as everywhere here.
    return ids.flatMap { id in
      let value = UInt32(truncatingIfNeeded: id.int ?? 0)
      return (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
  }

  private static func malformed(_ message: String, _ param: String) -> Answer {
    .failure(.badRequest, "Bad Request", message, param: .string(param))
  }

  private static func bad(_ message: String, _ param: String) -> Answer {
    .failure(.badRequest, "BadRequestError", message, param: .string(param))
  }
}
