import Fleet

/// What to do about mistakes that engines tell in words of their own: hints that name the manifest's key.
///
/// The words are those of vLLM 0.10 to 0.32, SGLang, torch, transformers, argparse and uvicorn.
package enum KnownMistake {
  /// What to do about what a log says, most likely first; empty: nothing is known.
  ///
  /// - Parameter log: The cause of an end first, as ``Health/FailureLog`` puts it.
  package static func hints(in log: [String]) -> [String] {
    // What stands first has caused what stands below it.
    for line in log {
      if let hint = Self.hint(for: line) { return [hint] }
    }
    return []
  }

  private static func hint(for line: String) -> String? {
    Self.unknownParser(line) ?? Self.tooLong(line)
      ?? Self.texts.first { $0.marks.contains { line.contains($0) } }?.hint
      ?? Self.unknownArgument(line)
  }

  private static let texts: [(marks: [String], hint: String)] = [
    (
      ["No available memory for the cache blocks", "Not enough memory. Please try to increase"],
      "nothing is left for the KV cache: raise `gpu_memory_utilization` or `tensor_parallel`, "
        + "or lower `max_model_len`"
    ),
    (
      ["is less than desired GPU memory utilization", "is less than requested"],
      "other processes hold memory of that device, or `gpu_memory_utilization` asks for too much: "
        + "`muster check --nodes` shows who is there"
    ),
    (
      ["CUDA out of memory", "HIP out of memory", "OutOfMemoryError"],
      "lower `max_num_seqs`, `max_model_len` or `gpu_memory_utilization`, or raise `tensor_parallel`"
    ),
    (
      ["must be divisible by tensor parallel size", "is not divisible by tensor parallel size"],
      "`tensor_parallel` has to divide the model's attention heads"
    ),
    (
      ["is greater than the total number of available GPUs", "invalid device ordinal"],
      "`tensor_parallel` asks for more GPUs than the process sees: `CUDA_VISIBLE_DEVICES` and "
        + "`muster check --nodes` show how many"
    ),
    (
      [
        "Cannot find any model weights", "Invalid repository ID or local directory",
        "is not a local folder and is not a valid model identifier",
        "does not appear to have a file named", "Repository Not Found", "Repo id must be",
      ],
      "`model` names nothing that can be loaded on that node: write `organisation/name`, or a "
        + "folder there with the configuration and the weights"
    ),
    (
      ["Access to model", "gated repo", "401 Client Error"],
      "`model` is given to those alone who show a token: name its variable in `secrets`, "
        + "such as `secrets: [HF_TOKEN]`"
    ),
    (
      ["address already in use", "Address already in use"],
      "another process listens there: write another `port`, or end it"
    ),
    (
      ["it does not generate: "],
      "`model` does not generate, and a completion is what makes it ready: serve it by "
        + "`recipe: command` with a `probe` of its own, such as `probe: {http: \"http://"
        + "{address}:{port}/health\"}`"
    ),
  ]

  /// `invalid tool call parser: hermess (chose from { apertus,hermes })`.
  private static func unknownParser(_ line: String) -> String? {
    for (mark, key) in [
      ("invalid tool call parser: ", "`tool_call_parser`"),
      ("invalid reasoning parser: ", "`--reasoning-parser` in `extra_args`"),
    ] {
      guard let said = line.firstRange(of: mark) else { continue }
      let name = line[said.upperBound...].prefix { !$0.isWhitespace }
      let known = line[said.upperBound...].split { "{}".contains($0) }.dropFirst().first ?? ""
      let names = known.split { " ,'".contains($0) }.map(String.init)
      let nearest = Nearest.name(to: String(name), in: names).map { "; did you mean `\($0)`?" }
      return "\(key) is `\(name)`, which this engine does not know\(nearest ?? "")"
    }
    return nil
  }

  /// `max_model_len (9000) is greater than the derived max_model_len (max_position_embeddings=2048 …`,
  /// and `… larger than the maximum number of tokens that can be stored in KV cache (1024)`.
  private static func tooLong(_ line: String) -> String? {
    func number(after mark: String) -> Int? {
      line.firstRange(of: mark).flatMap {
        Int(line[$0.upperBound...].drop { !$0.isNumber }.prefix { $0.isNumber })
      }
    }
    if let most = number(after: "is greater than the derived max_model_len (") {
      return "`max_model_len` is above what the model was made for: write at most \(most)"
    }
    if let most = number(after: "tokens that can be stored in KV cache (") {
      return "a sequence of `max_model_len` does not fit into the KV cache: write at most \(most), "
        + "or raise `gpu_memory_utilization`"
    }
    return nil
  }

  /// `vllm: error: unrecognized arguments: --max-modle-len 9000`.
  private static func unknownArgument(_ line: String) -> String? {
    guard let said = line.firstRange(of: "unrecognized arguments: ") else { return nil }
    let word = line[said.upperBound...].prefix { !$0.isWhitespace }
    return "`extra_args` has `\(word)`, which the program on that node does not know; "
      + "`muster check --nodes` shows its version"
  }
}
