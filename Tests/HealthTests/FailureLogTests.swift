import Health
import Testing

@Suite struct FailureLogTests {
  /// Lines as vLLM 0.32 puts its prefix before each.
  private func said(_ who: String, _ lines: [String], level: String = "ERROR") -> [String] {
    lines.map { "(\(who) pid=7) \(level) 11-27 20:55:00 [executor.py:953] \($0)" }
  }

  private func traceback(_ end: String...) -> [String] {
    [
      "Traceback (most recent call last):",
      "  File \"/opt/venv/lib/python3.11/site-packages/vllm/loader.py\", line 259, in _prepare",
      "    raise RuntimeError(", "    ^^^^^^^^^^^^^^^^^^^",
    ] + end
  }

  private let pointsBack = "RuntimeError: Engine core initialization failed. See root cause above."

  @Test func `the cause is what ends the first traceback, and frames are left out`() {
    let cause = "RuntimeError: Cannot find any model weights with `/models/tiny`"
    let log =
      ["non-default args: {'port': 18777}"]
      + self.said("Worker", ["WorkerProc failed to start."] + self.traceback(cause))
      + self.said("EngineCore", self.traceback("Exception: WorkerProc initialization failed"))
      + ["Process EngineCore:"] + self.traceback("Exception: WorkerProc initialization failed")
      + self.traceback(self.pointsBack)
    let shown = FailureLog(log).explanation(count: 20)
    #expect(shown.first == cause)
    #expect(shown[1] == "…" && shown.last == self.pointsBack)
    #expect(!shown.contains { $0.contains("File ") || $0.contains("raise ") })
    #expect(shown.contains("Process EngineCore:") && shown.count == 8)
  }

  @Test func `workers that write at the same time do not end each other's tracebacks`() {
    let one = self.said("Worker_TP0", self.traceback("ValueError: of the first"))
    let two = self.said("Worker_TP1", self.traceback("ValueError: of the second"))
    let mixed = zip(two, one).flatMap { [$0, $1] }
    #expect(FailureLog(mixed).cause == "ValueError: of the second")
    let plain = self.traceback("KeyError: 'x'")
    let within = plain.prefix(3) + self.said("Worker", ["fine"], level: "INFO") + plain.suffix(2)
    #expect(FailureLog(within).cause == "KeyError: 'x'")
  }

  @Test func `what is told as a warning is not the cause, nor what an interrupt ends`() {
    let log =
      self.said("APIServer", self.traceback("ImportError: no triton"), level: "WARNING")
      + self.traceback("KeyboardInterrupt") + self.traceback("OSError: [Errno 98] in use")
    #expect(FailureLog(log).cause == "OSError: [Errno 98] in use")
    #expect(FailureLog(self.traceback("KeyboardInterrupt")).cause == "KeyboardInterrupt")
  }

  @Test func `a message that says nothing without its next line is shown with that`() {
    let log = self.said(
      "APIServer",
      self.traceback(
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig",
        "  Value error, max_model_len (9000) is greater than the derived max_model_len",
        "    For further information visit the manual"))
    #expect(
      FailureLog(log).cause
        == "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig "
        + "Value error, max_model_len (9000) is greater than the derived max_model_len")
  }

  @Test(arguments: [
    "ERROR 11-27 20:55:00 engine.py:366] ", "[rank0]: ", "(EngineCore_DP1 pid=7) ",
    "(RayWorkerWrapper pid=7, ip=10.0.0.2) ERROR 11-27 20:55:00 [worker.py:9] ",
  ])
  func `prefixes of vLLM before 0.10, torch and Ray`(prefix: String) {
    let log = ["loading"] + self.traceback("ValueError: x").map { prefix + $0 } + ["ended"]
    #expect(FailureLog(log).explanation(count: 20) == ["ValueError: x", "…", "loading", "ended"])
  }

  @Test func `SGLang puts its prefix before the first line of a message alone`() {
    let log =
      ["[2026-11-27 20:54:23 TP0] Scheduler hit an exception: \(self.traceback()[0])"]
      + self.traceback("ValueError: x").dropFirst() + [""] + ["[2026-11-27 20:54:24] Killed"]
    let shown = FailureLog(log).explanation(count: 20)
    #expect(shown.first == "ValueError: x" && shown.last == "[2026-11-27 20:54:24] Killed")
    #expect(!shown.contains { $0.contains("File ") })
  }

  @Test(arguments: [
    "vllm: error: unrecognized arguments: --no-such-flag",
    "vllm serve: error: argument --max-num-seqs: invalid int value: 'zero'",
    "OSError: [Errno 98] Address already in use",
  ])
  func `an error outside tracebacks is the cause where there is no other`(line: String) {
    let log = ["usage: vllm serve", "    raise OSError(", line, "bye"]
    let shown = FailureLog(log).explanation(count: 20)
    #expect(shown == [line, "…", "usage: vllm serve", "    raise OSError(", "bye"])
    #expect(FailureLog(["one", "two"]).explanation(count: 20) == ["one", "two"])
    #expect(FailureLog([line]).explanation(count: 20) == [line])
    #expect(FailureLog(log + Array(repeating: "x", count: 90)).explanation(count: 9).count == 9)
  }
}
