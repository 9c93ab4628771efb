import Health
import Testing

@testable import NodeAgent

struct EngineCountersTests {
  @Test func `values of several engines are summed, and what is absent is unknown`() throws {
    let page = """
      # HELP vllm:num_requests_running Number of requests in model execution batches.
      # TYPE vllm:num_requests_running gauge
      vllm:num_requests_running{engine="0",model_name="a b"} 3.0
      vllm:num_requests_running{engine="1",model_name="a b"} 4.0
      vllm:generation_tokens_total{engine="0",model_name="a b"} 1e+03
      vllm:kv_cache_usage_perc{engine="0",model_name="a b"} 0.25
      vllm:num_requests_running_more{engine="0"} 9
      garbage
      """
    let counters = try #require(EngineCounters(metrics: Array(page.utf8)))
    #expect(counters.running == 7)
    #expect(counters.waiting == nil)
    #expect(counters.moving.compactMap(\.self) == [1000, 0.25])
    #expect(counters.hasWork)
  }

  @Test func `a page without an engine knows nothing`() {
    #expect(EngineCounters(metrics: Array("process_cpu_seconds_total 3\n".utf8)) == nil)
    #expect(EngineCounters(metrics: []) == nil)
  }

  /// NaN is not equal to itself: as a counter it would move at every look, and hide a hung engine.
  @Test func `what is no number is unknown, and two pages that say it are equal`() throws {
    let page = Array(
      """
      vllm:num_requests_running{engine="0"} 3
      vllm:kv_cache_usage_perc{engine="0"} NaN
      vllm:generation_tokens_total{engine="0"} +Inf
      vllm:num_requests_waiting{engine="0"} NaN

      """.utf8)
    let counters = try #require(EngineCounters(metrics: page))
    #expect(counters.hasWork && counters.waiting == nil)
    #expect(counters.moving.allSatisfy { $0 == nil })
    #expect(counters == EngineCounters(metrics: page))
  }

  @Test func `wrong lines are left out, and a page of nothing else knows nothing`() throws {
    let cut = "vllm:num_requests_running 3\n= =\nvllm:num_requests_waiting 2\nvllm:generation_tok"
    let counters = try #require(EngineCounters(metrics: Array(cut.utf8)))
    #expect(counters.running == 3 && counters.waiting == 2)
    let html = String(repeating: "<p>\n", count: 1000) + "vllm:num_requests_running 3\n"
    #expect(EngineCounters(metrics: Array(html.utf8)) == nil)
  }

  /// At rest such an engine would look stuck: requests that ended are shown as running for 30 s.
  @Test func `counts that may be of a while ago are no sign of work`() throws {
    let page = """
      sglang:num_running_reqs{tp_rank="0"} 3
      sglang:num_queue_reqs{tp_rank="0"} 1
      sglang:generation_tokens_total 10
      sglang:token_usage 0.5

      """
    let counters = try #require(EngineCounters(metrics: Array(page.utf8)))
    #expect(counters.running == nil && !counters.hasWork)
    #expect(counters.moving.compactMap(\.self) == [10, 0.5])
  }
}
