/// Builds the JSON of a generation: whole, or as the chunks of a stream.
struct AnswerBody {
  let request: GenerationRequest
  let id: String
  let created: Int
  let fingerprint: String

  func whole(_ sequence: Sequence, _ reason: String) -> JSONValue {
    let shown = sequence.pieces.prefix(sequence.produced)
    var choice: [String: JSONValue] = [
      "index": 0, "logprobs": nil, "finish_reason": .string(reason), "stop_reason": nil,
    ]
    if request.isChat {
      choice["message"] = message(Array(shown), complete: reason != "length" && reason != "abort")
    } else {
      choice["text"] = .string(Self.text(shown))
    }
    return envelope(
      request.isChat ? "chat.completion" : "text_completion", [.object(choice)], usage(sequence))
  }

  private func message(_ pieces: [Sequence.Piece], complete: Bool) -> JSONValue {
    var calls: [(id: String, name: String, arguments: String)] = []
    for piece in pieces {
      switch piece {
      case .text: break
      case .call(_, let id, let name): calls.append((id, name, ""))
      case .arguments(_, let text): calls[calls.count - 1].arguments += text
      }
    }
    // A call cut short is not among the calls of a whole answer.
    if !complete, !calls.isEmpty { calls.removeLast() }
    var message: [String: JSONValue] = [
      "role": "assistant", "content": .string(calls.isEmpty ? Self.text(pieces[...]) : ""),
    ]
    if !calls.isEmpty {
      message["tool_calls"] = .array(
        calls.map { call in
          let function: JSONValue = [
            "name": .string(call.name), "arguments": .string(call.arguments),
          ]
          return ["id": .string(call.id), "type": "function", "function": function]
        })
    }
    return .object(message)
  }

  /// The first chunk of a chat stream.
  var opening: JSONValue { chunk(delta: ["role": "assistant", "content": ""]) }

  func chunk(_ piece: Sequence.Piece) -> JSONValue {
    guard request.isChat else { return chunk(delta: ["text": .string(Self.text([piece]))]) }
    switch piece {
    case .text(let text): return chunk(delta: ["content": .string(text)])
    case .call(let index, let id, let name):
      let call: JSONValue = [
        "index": .int(index), "id": .string(id), "type": "function",
        "function": ["name": .string(name)],
      ]
      return chunk(delta: ["tool_calls": [call]])
    case .arguments(let index, let text):
      let call: JSONValue = [
        "index": .int(index), "function": ["arguments": .string(text)],
      ]
      return chunk(delta: ["tool_calls": [call]])
    }
  }

  func closing(_ reason: String) -> JSONValue {
    chunk(delta: request.isChat ? [:] : ["text": ""], reason: .string(reason))
  }

  func usageChunk(_ sequence: Sequence) -> JSONValue { envelope(chunkKind, [], usage(sequence)) }

  private var chunkKind: String { request.isChat ? "chat.completion.chunk" : "text_completion" }

  private func chunk(delta: JSONValue, reason: JSONValue = nil) -> JSONValue {
    var choice: [String: JSONValue] = ["index": 0, "logprobs": nil, "finish_reason": reason]
    choice[request.isChat ? "delta" : "text"] = request.isChat ? delta : delta["text"]
    return envelope(chunkKind, [.object(choice)], nil)
  }

  private func envelope(_ object: String, _ choices: [JSONValue], _ usage: JSONValue?) -> JSONValue
  {
    var body: [String: JSONValue] = [
      "id": .string(id), "object": .string(object), "created": .int(created),
      "model": .string(request.model), "choices": .array(choices),
      "system_fingerprint": .string(fingerprint),
    ]
    body["usage"] = usage
    return .object(body)
  }

  private func usage(_ sequence: Sequence) -> JSONValue {
    [
      "prompt_tokens": .int(sequence.promptTokens), "completion_tokens": .int(sequence.produced),
      "total_tokens": .int(sequence.promptTokens + sequence.produced),
      "prompt_tokens_details": nil,
    ]
  }

  private static func text(_ pieces: ArraySlice<Sequence.Piece>) -> String {
    pieces.map {
      switch $0 {
      case .text(let text): text
      case .call(_, _, let name): "<tool_call>{\"name\": \"\(name)\", \"arguments\": "
      case .arguments(_, let text): text
      }
    }.joined()
  }
}
