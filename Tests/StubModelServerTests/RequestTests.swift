import Foundation
import Testing

extension StubContract {
  /// Completions, chat and tool calls, and what is refused.
  @Suite struct RequestTests {
    private static let tool = """
      {"type":"function","function":{"name":"evict","parameters":{"type":"object","properties":\
      {"seq_id":{"type":"integer","minimum":500,"maximum":599},"why":{"enum":["old","large"]}}}}}
      """

    private let server: BuiltServer

    init() throws {
      self.server = try BuiltServer.ready("--served-model-name tiny small --max-model-len 2048")
    }

    private func chat(_ more: String, tools: Bool = true) throws -> HTTPAnswer {
      let tools = tools ? #","tools":[\#(Self.tool)]"# : ""
      return try self.server.answer(
        Self.chatPath, #"{"messages":[{"role":"user","content":"go"}]\#(tools),\#(more)}"#)
    }

    private static let chatPath = "/v1/chat/completions"

    @Test func `the models are the served names, with path and length`() throws {
      let models = try self.server.answer("/v1/models").decoded(ModelList.self).data
      #expect(models.map(\.id) == ["tiny", "small"])
      #expect(models.allSatisfy { $0.root == "tiny" && $0.max_model_len == 2048 })
    }

    @Test func `a completion has text, usage, headers and the client's id`() throws {
      let answer = try self.server.answer(
        "/v1/completions", #"{"model":"small","prompt":"12345","max_tokens":6,"ignore_eos":true}"#,
        headers: ["X-Request-Id: abc-1"])
      #expect(answer.status == 200)
      #expect(answer.headers["content-type"] == "application/json")
      #expect(answer.headers["server"] == "uvicorn")
      #expect(answer.headers["date"]?.hasSuffix(" GMT") == true)
      #expect(answer.headers["content-length"] == "\(answer.body.utf8.count)")
      let generation = try answer.decoded(Generation.self)
      #expect(generation.id == "cmpl-abc-1")
      #expect(generation.model == "small")
      #expect(generation.object == "text_completion")
      #expect(generation.choices[0].text?.split(separator: " ").count == 6)
      #expect(generation.choices[0].finish_reason == "length")
      let usage = Generation.Usage(prompt_tokens: 2, completion_tokens: 6, total_tokens: 8)
      #expect(generation.usage == usage)
    }

    @Test func `after so many turns of tools it answers in words`() throws {
      let server = try BuiltServer.ready("--stub-tool-turns 2")
      func reason(turns: Int) throws -> String? {
        let turn =
          #"{"role":"assistant","tool_calls":[{"id":"1"}]},{"role":"tool","content":"ok"}"#
        let messages = [#"{"role":"user","content":"go"}"#] + Array(repeating: turn, count: turns)
        let body = "{\"messages\":[\(messages.joined(separator: ","))],\"tools\":[\(Self.tool)]}"
        return try server.answer(Self.chatPath, body).decoded(Generation.self).choices[0]
          .finish_reason
      }
      #expect(try (0...3).map(reason) == ["tool_calls", "tool_calls", "stop", "stop"])
    }

    @Test func `the same seed gives the same text, no seed another`() throws {
      func text(_ more: String) throws -> String? {
        let body = #"{"prompt":"a","max_tokens":30,"ignore_eos":true\#(more)}"#
        let answer = try self.server.answer("/v1/completions", body)
        return try answer.decoded(Generation.self).choices[0].text
      }
      let seeded = try text(#","seed":7"#)
      #expect(try text(#","seed":7"#) == seeded)
      #expect(try text(#","seed":8"#) != seeded)
      #expect(try text("") != text(""))
    }

    @Test func `required tools give calls that fit their schema`() throws {
      struct Arguments: Decodable {
        let seq_id: Int
        let why: String
      }
      let answer = try self.chat(#""tool_choice":"required","seed":1"#).decoded(Generation.self)
      #expect(answer.object == "chat.completion")
      #expect(answer.choices[0].finish_reason == "tool_calls")
      #expect(answer.choices[0].message?.content?.isEmpty == true)
      let calls = try #require(answer.choices[0].message?.tool_calls)
      #expect(!calls.isEmpty)
      for call in calls {
        #expect(call.id?.wholeMatch(of: /chatcmpl-tool-[0-9a-f]{16}/) != nil)
        #expect(call.function.name == "evict")
        let text = Data((call.function.arguments ?? "").utf8)
        let arguments = try JSONDecoder().decode(Arguments.self, from: text)
        #expect((500...599).contains(arguments.seq_id))
        #expect(["old", "large"].contains(arguments.why))
      }
    }

    @Test func `a named function stops with one call, none gives plain text`() throws {
      let named = try self.chat(
        #""tool_choice":{"type":"function","function":{"name":"evict"}}"#
      ).decoded(Generation.self).choices[0]
      #expect(named.finish_reason == "stop")
      #expect(named.message?.tool_calls?.count == 1)
      for seed in 0..<8 {
        let single = try self.chat(#""parallel_tool_calls":false,"seed":\#(seed)"#)
        #expect(try single.decoded(Generation.self).choices[0].message?.tool_calls?.count == 1)
      }
      let plain = try self.chat(#""tool_choice":"none""#).decoded(Generation.self).choices[0]
      #expect(plain.message?.tool_calls == nil)
      #expect(plain.message?.content?.isEmpty == false)
    }

    @Test func `calls cut by the token limit end in length and leave no half call`() throws {
      let cut = try self.chat(#""max_tokens":3"#).decoded(Generation.self).choices[0]
      #expect(cut.finish_reason == "length")
      #expect(cut.message?.tool_calls == nil)
      #expect(cut.message?.content?.hasPrefix("<tool_call>") == true)
    }

    @Test func `a stream carries the calls of the plain answer, in deltas`() throws {
      let plain = try self.chat(#""seed":5"#).decoded(Generation.self)
      let stream = try self.chat(
        #""seed":5,"stream":true,"stream_options":{"include_usage":true}"#)
      #expect(stream.headers["content-type"] == "text/event-stream; charset=utf-8")
      #expect(stream.events.last == "[DONE]")
      let chunks = try stream.events.dropLast().map {
        try JSONDecoder().decode(Generation.self, from: Data($0.utf8))
      }
      #expect(chunks.allSatisfy { $0.object == "chat.completion.chunk" })
      #expect(chunks[0].choices[0].delta?.role == "assistant")
      var calls: [(name: String?, id: String?, arguments: String)] = []
      for delta in chunks.compactMap({ $0.choices.first?.delta?.tool_calls?.first }) {
        if delta.id != nil {
          #expect(delta.function.arguments == nil && delta.index == calls.count)
          calls.append((delta.function.name, delta.id, ""))
        } else {
          calls[try #require(delta.index)].arguments += delta.function.arguments ?? ""
        }
      }
      let expected = try #require(plain.choices[0].message?.tool_calls)
      #expect(calls.map(\.name) == expected.map(\.function.name))
      #expect(calls.map(\.id) == expected.map(\.id))
      #expect(calls.map(\.arguments) == expected.map(\.function.arguments))
      #expect(chunks.compactMap { $0.choices.first?.finish_reason } == ["tool_calls"])
      #expect(chunks.last?.usage == plain.usage && chunks.last?.choices.isEmpty == true)
    }

    @Test func `what vLLM refuses is refused with its status, type and parameter`() throws {
      let long = String(repeating: "x", count: 2048 * 4)
      let message = #""messages":[{"role":"user","content":"x"}]"#
      let cases: [(path: String, body: String, code: Int, type: String, param: String?)] = [
        (Self.chatPath, #"{"model":"nope",\#(message)}"#, 404, "NotFoundError", "model"),
        (Self.chatPath, #"{"messages":"#, 400, "Bad Request", "body"),
        (Self.chatPath, "{}", 400, "Bad Request", "body.messages"),
        ("/v1/completions", "{}", 400, "Bad Request", "body.prompt"),
        (Self.chatPath, "{\(message),\"temperature\":-1}", 400, "BadRequestError", "temperature"),
        (Self.chatPath, "{\(message),\"max_tokens\":0}", 400, "BadRequestError", "max_tokens"),
        ("/v1/completions", "{\"prompt\":\"\(long)\"}", 400, "BadRequestError", "input_tokens"),
        (
          Self.chatPath, #"{\#(message),"tool_choice":"required"}"#, 400, "BadRequestError",
          "tool_choice"
        ),
        (
          Self.chatPath,
          #"{\#(message),"tools":[\#(Self.tool)],"tool_choice":{"function":{"name":"f"}}}"#, 400,
          "BadRequestError", "tool_choice"
        ),
      ]
      for wanted in cases {
        let answer = try self.server.answer(wanted.path, wanted.body)
        let error = try answer.decoded(Failure.self).error
        #expect(answer.status == wanted.code && error.code == wanted.code, "\(wanted.body)")
        #expect(error.type == wanted.type && error.param == wanted.param, "\(wanted.body)")
      }
      let unknown = try self.server.answer(Self.chatPath, #"{"model":"nope",\#(message)}"#)
      #expect(
        try unknown.decoded(Failure.self).error.message
          == "The model `nope` does not exist. Valid aliases: tiny, small.")
      let form = try self.server.answer(Self.chatPath, "{\(message)}", type: "text/plain")
      #expect(form.status == 400)
    }

    @Test func `unknown paths and methods get the other shape of error`() throws {
      let path = try self.server.answer("/v2/models")
      #expect(path.status == 404 && path.body == #"{"detail":"Not Found"}"#)
      let method = try self.server.answer("/v1/models", "{}")
      #expect(method.status == 405 && method.body == #"{"detail":"Method Not Allowed"}"#)
    }
  }
}
