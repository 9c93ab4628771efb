import Foundation
import Glibc
import Testing

extension StubContract {
  /// From the start of the program to its end: what answers when, and how it ends.
  @Suite struct StateTests {
    @Test func `the port is closed while it loads, one TERM is swallowed, then all is served`()
      throws
    {
      let server = try BuiltServer("--stub-load-seconds 4", port: Conversation.freePort())
      try server.wait(for: "Initializing a V1 LLM engine")
      #expect(throws: Conversation.Refused.self) { try server.answer("/health") }
      server.send(SIGTERM)
      try server.waitUntilReady()
      #expect(server.log.contains("init engine (profile, create kv cache, warmup model) took 4.0"))
      for path in ["/health", "/ping"] {
        let answer = try server.answer(path)
        #expect(answer.status == 200 && answer.body.isEmpty, "\(path)")
      }
      #expect(try server.answer("/version").body == #"{"version":"0.32.0"}"#)
      #expect(try server.answer("/load").body == #"{"server_load":0}"#)
      #expect(try server.answer("/metrics").status == 200)
      server.send(SIGTERM)
      #expect(try server.end() == .exited(0))
      #expect(throws: Conversation.Refused.self) { try server.answer("/health") }
    }

    @Test func `TERM before the engine loads ends it by that signal`() throws {
      let server = try BuiltServer("--stub-load-seconds 400")
      try server.wait(for: "non-default args")
      server.send(SIGTERM)
      #expect(try server.end() == .killed(by: SIGTERM))
    }

    @Test func `a second TERM while it loads ends it as an interrupt does`() throws {
      let server = try BuiltServer("--stub-load-seconds 8")
      try server.wait(for: "Initializing a V1 LLM engine")
      server.send(SIGTERM)
      try server.wait(for: "Starting to load model")
      server.send(SIGTERM)
      #expect(try server.end() == .killed(by: SIGINT))
    }

    @Test func `TERM aborts what is in flight: plain answers and streams end with that reason`()
      throws
    {
      let server = try BuiltServer.ready("--stub-step-seconds 0.01")
      let endless = #""prompt":"a","max_tokens":20000,"ignore_eos":true"#
      let plain = try server.ask("/v1/completions", "{\(endless)}")
      let stream = try server.ask("/v1/completions", "{\(endless),\"stream\":true}")
      try stream.wait(for: "data: ")
      _ = try server.metrics { $0.value("vllm:num_requests_running") == 2 }
      server.send(SIGTERM)
      let answer = try plain.answer()
      #expect(answer.status == 200)
      #expect(try answer.decoded(Generation.self).choices.map(\.finish_reason) == ["abort"])
      let events = try stream.answer().events
      #expect(events.last == "[DONE]")
      #expect(events.dropLast().last?.contains(#""finish_reason":"abort""#) == true)
      #expect(try server.end() == .exited(0))
    }

    @Test func `a server told to ignore TERM goes on, and KILL ends it`() throws {
      let server = try BuiltServer.ready("--stub-ignore-term --stub-step-seconds 0.01")
      let body = #"{"prompt":"a","max_tokens":50,"ignore_eos":true}"#
      let talk = try server.ask("/v1/completions", body)
      _ = try server.metrics { $0.value("vllm:num_requests_running") == 1 }
      server.send(SIGTERM)
      #expect(try talk.answer().decoded(Generation.self).choices[0].finish_reason == "length")
      #expect(try server.answer("/health").status == 200)
      server.send(SIGKILL)
      #expect(try server.end() == .killed(by: SIGKILL))
    }

    @Test func `an engine that dies while loading ends the program with 1 and says so`() throws {
      let server = try BuiltServer("--stub-load-seconds 0 --stub-die-while-loading")
      #expect(try server.end() == .exited(1))
      #expect(server.log.contains("RuntimeError: Engine core initialization failed."))
      #expect(!server.log.contains("Application startup complete."))
    }

    @Test func `a taken port ends the program with 1, a bad value with 2`() throws {
      let first = try BuiltServer.ready()
      let second = try BuiltServer("--stub-load-seconds 0", port: first.port)
      #expect(try second.end() == .exited(1))
      #expect(second.log.contains("OSError: [Errno 98] Address already in use"))
      let wrong = try BuiltServer("--max-num-seqs zero")
      #expect(try wrong.end() == .exited(2))
      #expect(wrong.log.contains("argument --max-num-seqs: invalid int value: 'zero'"))
    }
  }
}
