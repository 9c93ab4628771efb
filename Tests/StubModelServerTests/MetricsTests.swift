import Foundation
import Testing

extension StubContract {
  /// `/metrics` against the page of the real server, and its counters against what was asked.
  @Suite struct MetricsTests {
    private static let generation = #"{"prompt":"a","max_tokens":20000,"ignore_eos":true}"#

    /// Asks for everything the HTTP families need to have samples.
    private static func usedServer() throws -> BuiltServer {
      let server = try BuiltServer.ready("--max-model-len 2048 --block-size 128")
      _ = try server.answer("/v1/models")
      return server
    }

    @Test func `the families are those of the real server, in its order, with its words`() throws {
      let (real, stub) = (try MetricsPage.measured(), try Self.usedServer().metrics())
      #expect(real.families.count == 94)
      #expect(Set(stub.families).subtracting(real.families) == [])
      #expect(Set(real.families).subtracting(stub.families) == [])
      let order = stub.families.map(\.name)
      #expect(order.elementsEqual(real.families.map(\.name)), "\(order)")
    }

    @Test func `the series are those of the real server, bounds and label values too`() throws {
      // HTTP series depend on who asked for what, the one of the cache on its size.
      func series(_ page: MetricsPage) -> [MetricsPage.Sample] {
        page.samples.filter { !$0.name.hasPrefix("http_") && $0.name != "vllm:cache_config_info" }
      }
      let (real, stub) = (try MetricsPage.measured(), try Self.usedServer().metrics())
      #expect(series(real).count > 400)
      #expect(Set(series(stub)).subtracting(series(real)) == [])
      #expect(series(stub).elementsEqual(series(real)), "not in its order, or not all")
    }

    @Test func `the page is plain text of version 1 and the same twice while nothing is asked`()
      throws
    {
      let server = try Self.usedServer()
      let type = try server.answer("/metrics").headers["content-type"]
      #expect(type == "text/plain; version=1.0.0; charset=utf-8")
      let page = try server.metrics()
      #expect(try server.metrics().moved(since: page).isEmpty)
      #expect(page.value("vllm:engine_sleep_state", ["sleep_state": "awake"]) == 1)
      #expect(page.value("process_resident_memory_bytes") > 1_000_000)
      let age = Date().timeIntervalSince1970 - page.value("process_start_time_seconds")
      #expect((-1...60).contains(age))
      let config = [
        "block_size": "128", "num_gpu_blocks": "4096", "kv_cache_size_tokens": "524288",
      ]
      #expect(page.value("vllm:cache_config_info", config) == 1)
    }

    @Test func `the engine's counters move by what was asked`() throws {
      let server = try BuiltServer.ready("--max-model-len 2048 --block-size 16")
      let start = try server.metrics()
      // 40 tokens of 4 bytes: two whole blocks before the last token.
      let prompt = String(repeating: "abcd", count: 40)
      let body = #"{"prompt":"\#(prompt)","max_tokens":5,"ignore_eos":true}"#
      for _ in 0..<2 { #expect(try server.answer("/v1/completions", body).status == 200) }
      _ = try server.answer(
        "/v1/chat/completions", #"{"messages":[],"tools":[],"seed":1,"max_tokens":500}"#)
      let page = try server.metrics()
      let chat = page.value("vllm:request_generation_tokens_sum") - 10
      #expect((8...64).contains(chat))
      let sums: [String: Double] = [
        "prefix_cache_queries_total": 80 + 4, "prefix_cache_hits_total": 32,
        "prompt_tokens_total": 80 + 4, "prompt_tokens_cached_total": 32,
        "generation_tokens_total": 10 + chat, "request_prompt_tokens_sum": 80 + 4,
        "request_prefill_kv_computed_tokens_sum": 48 + 4, "request_params_max_tokens_sum": 510,
        "request_max_num_generation_tokens_sum": 10 + chat, "request_params_n_sum": 3,
        "request_num_preemptions_sum": 0, "num_preemptions_total": 0,
        // One request at a time: every step gives one token; a first step computes the prompt too.
        "iteration_tokens_total_count": 10 + chat, "iteration_tokens_total_sum": 62 + chat,
        "inter_token_latency_seconds_count": 10 + chat - 3,
      ]
      for (name, wanted) in sums.sorted(by: { $0.key < $1.key }) {
        #expect(page.value("vllm:\(name)") - start.value("vllm:\(name)") == wanted, "\(name)")
      }
      let perRequest = [
        "request_prompt_tokens", "request_generation_tokens", "request_params_n",
        "request_params_max_tokens", "request_max_num_generation_tokens", "request_num_preemptions",
        "request_prefill_kv_computed_tokens", "time_to_first_token_seconds",
        "request_time_per_output_token_seconds", "e2e_request_latency_seconds",
        "request_queue_time_seconds", "request_inference_time_seconds",
        "request_prefill_time_seconds", "request_decode_time_seconds",
      ]
      for name in perRequest {
        #expect(page.value("vllm:\(name)_count") == 3, "\(name)")
        #expect(page.value("vllm:\(name)_bucket", ["le": "+Inf"]) == 3, "\(name)")
      }
      #expect(page.value("vllm:request_prompt_tokens_bucket", ["le": "20.0"]) == 1)
      #expect(page.value("vllm:request_prompt_tokens_bucket", ["le": "50.0"]) == 3)
      let (ends, sources) = ("vllm:request_success_total", "vllm:prompt_tokens_by_source_total")
      #expect(page.value(ends, ["finished_reason": "length"]) == 2)
      #expect(page.value(ends, ["finished_reason": "stop"]) == 1)
      #expect(page.value(sources, ["source": "local_compute"]) == 52)
      #expect(page.value(sources, ["source": "local_cache_hit"]) == 32)
      let tiers = "vllm:prompt_tokens_cached_by_source_total"
      #expect(page.value(tiers, ["source": "device"]) == 32)
      // A request is as long as its phases.
      let whole = page.value("vllm:e2e_request_latency_seconds_sum")
      let phases = ["queue", "prefill", "decode"].map {
        page.value("vllm:request_\($0)_time_seconds_sum")
      }
      #expect(abs(phases.reduce(0, +) - whole) < 1e-6)
    }

    @Test func `the web server's counters move by what was asked`() throws {
      let server = try BuiltServer.ready()
      for path in ["/health", "/ping", "/load", "/version", "/metrics"] {
        _ = try server.answer(path)
      }
      #expect(try server.metrics().families.contains { $0.name == "http_requests_total" })
      #expect(try server.metrics().samples.contains { $0.name == "http_requests_total" } == false)
      let path = "/v1/completions"
      let bodies = [#"{"prompt":"a"}"#, #"{"prompt":"a","stream":true}"#, "nothing"]
      let answers = try bodies.map { try server.answer(path, $0) }
      _ = try server.answer("/nowhere")
      let page = try server.metrics()
      func requests(_ handler: String, _ status: String) -> Double {
        page.value("http_requests_total", ["handler": handler, "status": status])
      }
      #expect(requests(path, "2xx") == 2 && requests(path, "4xx") == 1)
      #expect(requests("none", "4xx") == 1)
      let handler = ["handler": path]
      #expect(page.value("http_request_size_bytes_count", handler) == 3)
      let sent = bodies.reduce(0) { $0 + $1.utf8.count }
      #expect(page.value("http_request_size_bytes_sum", handler) == Double(sent))
      // A stream has no length ahead, so it counts as nothing.
      let received = answers[0].body.utf8.count + answers[2].body.utf8.count
      #expect(page.value("http_response_size_bytes_sum", handler) == Double(received))
      #expect(page.value("http_request_duration_seconds_count", handler) == 3)
      #expect(page.value("http_request_duration_highr_seconds_count") == 4)
    }

    @Test func `the tool parser runs once an answer and once a delta`() throws {
      let server = try BuiltServer.ready()
      let tools = #""messages":[],"tools":[{"type":"function","function":{"name":"f"}}]"#
      func invocations(_ mode: String, _ outcome: String) throws -> Double {
        try server.metrics().value(
          "vllm:tool_call_parser_invocations_total",
          ["mode": mode, "outcome": outcome, "request_type": "chat_completions"])
      }
      _ = try server.answer("/v1/chat/completions", "{\(tools)}")
      _ = try server.answer("/v1/chat/completions", #"{\#(tools),"tool_choice":"none"}"#)
      #expect(try invocations("non_streaming", "tool_call") == 1)
      _ = try server.answer("/v1/chat/completions", "{\(tools),\"max_tokens\":1}")
      #expect(try invocations("non_streaming", "no_tool_call") == 1)
      let stream = try server.answer("/v1/chat/completions", "{\(tools),\"stream\":true}")
      let deltas = stream.events.count { $0.contains(#""tool_calls":["#) }
      #expect(deltas > 0)
      #expect(try invocations("streaming", "tool_call") == Double(deltas))
    }

    @Test func `the gauges are the engine's, and a client that hangs up is counted nowhere`() throws
    {
      let server = try BuiltServer.ready("--max-num-seqs 1 --stub-step-seconds 0.01")
      var clients = try [0, 1].map { _ in try server.ask("/v1/completions", Self.generation) }
      let busy = try server.metrics {
        $0.value("vllm:num_requests_running") == 1 && $0.value("vllm:num_requests_waiting") == 1
      }
      let reasons = "vllm:num_requests_waiting_by_reason"
      #expect(busy.value(reasons, ["reason": "capacity"]) == 1)
      #expect(busy.value(reasons, ["reason": "deferred"]) == 0)
      #expect(busy.value("vllm:kv_cache_usage_perc") > 0)
      clients.removeAll()
      let idle = try server.metrics {
        $0.value("vllm:num_requests_running") == 0 && $0.value("vllm:num_requests_waiting") == 0
      }
      #expect(idle.value("vllm:kv_cache_usage_perc") == 0)
      let ends = idle.values.filter { $0.key.name == "vllm:request_success_total" }
      #expect(ends.count == 5 && ends.values.allSatisfy { $0 == 0 })
    }

    @Test func `a full queue refuses with 503 and counts it`() throws {
      let server = try BuiltServer.ready("--max-num-queued-reqs 1 --stub-step-seconds 0.01")
      let first = try server.ask("/v1/completions", Self.generation)
      _ = try server.metrics { $0.value("vllm:num_requests_running") == 1 }
      let refused = try server.answer("/v1/completions", Self.generation)
      #expect(refused.status == 503)
      let error = try refused.decoded(Failure.self).error
      #expect(error.type == "Service Unavailable")
      #expect(error.message.hasPrefix("The engine is currently busy"))
      let rejections = try server.metrics().value(
        "vllm:admission_rejections_total", ["reason": "max_num_queued_reqs"])
      #expect(rejections == 1)
      withExtendedLifetime(first) {}
    }
  }
}
