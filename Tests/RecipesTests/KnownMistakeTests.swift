import Recipes
import Testing

@Suite struct KnownMistakeTests {
  @Test(arguments: [
    (
      "KeyError: 'invalid tool call parser: hermess (chose from { granite,hermes,qwen3_xml })'",
      ["`tool_call_parser` is `hermess`", "did you mean `hermes`?"]
    ),
    (
      "KeyError: 'invalid reasoning parser: deepsek_r1 (chose from { deepseek_r1,qwen3 })'",
      ["--reasoning-parser", "`deepseek_r1`"]
    ),
    (
      "ValidationError: 1 validation error for ModelConfig Value error, User-specified "
        + "max_model_len (9000) is greater than the derived max_model_len "
        + "(max_position_embeddings=2048 or model_max_length=None in model's config.json).",
      ["`max_model_len`", "at most 2048"]
    ),
    (
      "ValueError: The model's max seq len (131072) is larger than the maximum number of tokens "
        + "that can be stored in KV cache (40960).",
      ["`max_model_len`", "at most 40960", "`gpu_memory_utilization`"]
    ),
    (
      "ValueError: Free memory on device cuda:0 (3.1/79.1 GiB) on startup is less than desired "
        + "GPU memory utilization (0.9, 71.2 GiB).",
      ["`gpu_memory_utilization`"]
    ),
    ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", ["`max_num_seqs`"]),
    (
      "vllm: error: unrecognized arguments: --max-modle-len 9", ["`extra_args`", "--max-modle-len"]
    ),
    ("RuntimeError: Cannot find any model weights with `/models/tiny`", ["`model`"]),
    ("OSError: [Errno 98] Address already in use", ["`port`"]),
    (
      "it does not generate: a completion answers 404: The model does not support Completions API",
      ["`recipe: command`", "`probe`"]
    ),
  ])
  func `a mistake that is known names the manifest's key`(line: String, words: [String]) throws {
    let hint = try #require(KnownMistake.hints(in: ["loading", line]).first)
    for word in words { #expect(hint.contains(word), "\(hint)") }
  }

  @Test func `of several the first is told, of others nothing`() {
    let lines = ["OSError: Address already in use", "torch.OutOfMemoryError: CUDA out of memory"]
    #expect(KnownMistake.hints(in: lines) == KnownMistake.hints(in: [lines[0]]))
    #expect(KnownMistake.hints(in: ["ValueError: x", ""]).isEmpty)
    #expect(
      KnownMistake.hints(in: ["invalid tool call parser: zzzzzzz"])
        == ["`tool_call_parser` is `zzzzzzz`, which this engine does not know"])
  }
}
