import Fleet
import KVCacheSimulator
import Rollouts
import Testing

/// simulator.md §9: digests of whole outputs.
struct DigestTests {
  @Test(arguments: [
    ("keep", "29e3295bddb00bfff09adb475d8a46ce9723bd42cf843bb3d4f23939b6ad31d7"),
    ("random", "d3ba711300a29efa1f6a6ae6f8d964dbb87bdf2209e7dac09d25f83c1a193799"),
    ("lru", "a193d503dda439aa512116ae2e1fb77d813b412db436a8f864519f86d20d4c27"),
    ("value", "b90cef23e69e0757f4dff4c2d154648cca64841d6d671ef11c5aa0ee672ce801"),
    ("compress", "c71550b2c34306051137fc439c6171097411f005a1009b779e415c3b8bb7b4a7"),
  ])
  func `records of 300 scenarios have the published digest`(
    policy: String, digest: String
  ) throws {
    var worker = SimulatorWorker(
      try SimulatorSpecification(policy: policy, seed: 42, difficulty: "all"))
    var lines: [UInt8] = []
    for task in 0..<300 {
      worker.appendRecord(of: ItemKey(taskIndex: UInt64(task), rolloutIndex: 0), to: &lines)
    }
    #expect(SHA256.hex(of: lines) == digest)
  }

  @Test func `the trace of 30 random scenarios has the published digest`() throws {
    var worker = SimulatorWorker(
      try SimulatorSpecification(policy: "random", seed: 42, difficulty: "all"))
    var lines: [UInt8] = []
    for task in 0..<30 {
      worker.appendTrace(of: ItemKey(taskIndex: UInt64(task), rolloutIndex: 0), to: &lines)
    }
    let digest = "8c07395827777bb59013c9e4d1da6d42cbfbb39c3754be361a613d141ddc5c29"
    #expect(SHA256.hex(of: lines) == digest)
  }

  @Test func `the first record of lru is the published line`() throws {
    var worker = SimulatorWorker(
      try SimulatorSpecification(policy: "lru", seed: 42, difficulty: "all"))
    var lines: [UInt8] = []
    worker.appendRecord(of: ItemKey(taskIndex: 0, rolloutIndex: 0), to: &lines)
    let expected =
      #"{"task_index":0,"rollout_index":0,"seed":42,"difficulty":"easy","policy":"lru","#
      + #""reward":0.2576045454545454,"rewards":{"failure_penalty":0.0,"throughput_reward":0.61,"#
      + #""headroom_bonus":0.3466666666666667,"memory_efficiency":0.2,"#
      + #""eviction_quality":0.634090909090909,"latency_penalty":0.0,"#
      + #""risky_eviction_penalty":-0.15},"metrics":{"total_tokens_metric":305,"#
      + #""total_failures_metric":0,"total_latency_metric":0.0,"pressure_steps_metric":0,"#
      + #""evictions":1,"compressions":0,"swaps":0,"keeps":0,"invalid_actions":0,"#
      + #""completions":9,"admissions":11,"pending_requests":0,"#
      + #""peak_usage":0.9226029252437703,"final_usage":0.7448537378114843}}"# + "\n"
    #expect(String(decoding: lines, as: UTF8.self) == expected)
  }
}
