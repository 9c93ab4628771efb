import Foundation
import Testing

extension StubContract {
  /// What `POST /stub/fault` makes of a server that is up.
  @Suite struct FaultOnDemandTests {
    private static let path = "/v1/completions"
    private static let short = #"{"model":"tiny","prompt":"a","max_tokens":6,"ignore_eos":true}"#
    private static let endless =
      #"{"prompt":"a","max_tokens":20000,"ignore_eos":true,"stream":true}"#
    private static let endlessPlain = #"{"prompt":"a","max_tokens":20000,"ignore_eos":true}"#

    private static func expectDead(_ server: BuiltServer) throws {
      let page = try server.metrics()
      for path in ["/health", "/ping"] { #expect(try server.answer(path).status == 503) }
      #expect(try server.answer("/v1/models").status == 200)
      #expect(
        try server.metrics().value("vllm:generation_tokens_total")
          == page.value("vllm:generation_tokens_total"))
    }

    private static func expectEngineError(_ answer: HTTPAnswer) throws {
      #expect(answer.status == 500)
      let error = try answer.decoded(Failure.self).error
      #expect(error.type == "InternalServerError" && error.code == 500)
      #expect(error.message.hasPrefix("EngineCore encountered an issue."))
    }

    @Test func `an idle hang shows in no probe and no gauge, only in a request`() throws {
      let server = try BuiltServer.ready()
      try server.inject("hang")
      let before = try server.metrics()
      let talk = try server.ask(Self.path, Self.short)
      #expect(!talk.hears(within: 500))
      #expect(try server.answer("/health").status == 200)
      #expect(try server.answer("/v1/models").status == 200)
      let during = try server.metrics()
      #expect(during.moved(since: before).keys.allSatisfy { $0.name.hasPrefix("http_") })
      #expect(during.value("vllm:num_requests_waiting") == 0)
      try server.inject("none")
      #expect(try talk.answer().status == 200)
      #expect(try server.metrics().value("vllm:generation_tokens_total") == 6)
    }

    @Test func `a hang under load freezes every counter and gauge`() throws {
      let server = try BuiltServer.ready("--stub-step-seconds 0.01")
      let talk = try server.ask(Self.path, Self.endless)
      try talk.wait(for: "data: ")
      try server.inject("hang")
      let frozen = try server.metrics()
      let second = try server.ask(Self.path, Self.short)
      #expect(!second.hears(within: 500))
      #expect(try server.metrics().moved(since: frozen).isEmpty)
      #expect(frozen.value("vllm:num_requests_running") == 1)
      try server.inject("none")
      #expect(try second.answer().status == 200)
      let moved = try server.metrics().value("vllm:generation_tokens_total")
      #expect(moved > frozen.value("vllm:generation_tokens_total"))
    }

    @Test func `a dead engine answers 503 and 500, keeps its last values, and comes back`() throws {
      let server = try BuiltServer.ready("--stub-step-seconds 0.01")
      let stream = try server.ask(Self.path, Self.endless)
      let plain = try server.ask(Self.path, Self.endlessPlain)
      try stream.wait(for: "data: ")
      _ = try server.metrics { $0.value("vllm:num_requests_running") == 2 }
      try server.inject("error500")
      try Self.expectEngineError(plain.answer())
      let answer = try stream.answer()
      #expect(answer.status == 200 && answer.events.last == "[DONE]")
      let last = try #require(answer.events.dropLast().last)
      #expect(last.contains(#""code":500"#) && last.hasPrefix(#"{"error":"#))
      try Self.expectDead(server)
      #expect(try server.metrics().value("vllm:num_requests_running") == 2)
      try Self.expectEngineError(server.answer(Self.path, Self.short))
      try server.inject("none")
      #expect(try server.answer("/health").status == 200)
      #expect(try server.answer(Self.path, Self.short).status == 200)
      #expect(try server.metrics().value("vllm:num_requests_running") == 0)
    }

    @Test func `a slow engine takes fifty times as long for a step`() throws {
      let server = try BuiltServer.ready("--stub-step-seconds 0.002")
      func secondsOfDecoding() throws -> Double {
        let name = "vllm:request_decode_time_seconds_sum"
        let before = try server.metrics().value(name)
        #expect(try server.answer(Self.path, Self.short).status == 200)
        return try server.metrics().value(name) - before
      }
      // Six tokens: five steps from the first to the last.
      #expect(try secondsOfDecoding() < 0.4)
      try server.inject("slow")
      #expect(try secondsOfDecoding() >= 0.5)
      try server.inject("none")
      #expect(try secondsOfDecoding() < 0.4)
    }

    @Test func `a crash under load fails what is in flight and ends the server with 0`() throws {
      let server = try BuiltServer.ready("--stub-step-seconds 0.01")
      let stream = try server.ask(Self.path, Self.endless)
      try stream.wait(for: "data: ")
      try server.inject("crash")
      #expect(try stream.answer().events.last == "[DONE]")
      #expect(try server.end() == .exited(0))
      #expect(throws: Conversation.Refused.self) { try server.answer("/health") }
    }

    @Test func `after an idle crash the first completion gets 500 and takes the server along`()
      throws
    {
      var took: [Duration] = []
      // A machine that is busy gets another chance.
      while took.count < 3, took.allSatisfy({ $0 >= .seconds(2.9) }) {
        let server = try BuiltServer.ready()
        let clock = ContinuousClock()
        let began = clock.now
        try server.inject("crash")
        try Self.expectDead(server)
        try Self.expectEngineError(server.answer(Self.path, Self.short))
        #expect(try server.end() == .exited(0))
        took.append(began.duration(to: clock.now))
      }
      // The watchdog alone takes 2.9 s.
      #expect(took.contains { $0 < .seconds(2.9) }, "\(took)")
    }

    @Test func `an idle crash that nobody meets ends the server with 0 all the same`() throws {
      let server = try BuiltServer.ready()
      try server.inject("crash")
      #expect(try server.end() == .exited(0))
    }

    @Test func `a wrong model lists another name and knows its own no more`() throws {
      let server = try BuiltServer.ready()
      try server.inject("wrong-model")
      #expect(
        try server.answer("/v1/models").decoded(ModelList.self).data.map(\.id) == ["wrong-model"])
      let refused = try server.answer(Self.path, Self.short)
      #expect(refused.status == 404)
      #expect(
        try refused.decoded(Failure.self).error.message
          == "The model `tiny` does not exist. Valid aliases: wrong-model.")
      try server.inject("none")
      #expect(try server.answer(Self.path, Self.short).status == 200)
    }

    @Test func `an unknown fault is refused and changes nothing`() throws {
      let server = try BuiltServer.ready()
      #expect(try server.answer("/stub/fault", #"{"kind":"flood"}"#).status == 400)
      #expect(try server.answer("/health").status == 200)
      #expect(try server.answer(Self.path, Self.short).status == 200)
    }
  }
}
