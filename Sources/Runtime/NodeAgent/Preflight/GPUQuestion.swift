import Launch
import OperatingSystem

/// What `nvidia-smi` says of the node's GPUs. Source: `nvidia-smi --help-query-gpu` and
/// `--help-query-compute-apps`; a value that the driver has not is `[N/A]` or `[Not Supported]`.
enum GPUQuestion {
  /// Names may hold anything and come last.
  private static let gpuFields =
    "index,uuid,memory.total,memory.used,driver_version,ecc.mode.current,"
    + "ecc.errors.uncorrected.volatile.total,name"
  private static let processFields = "gpu_uuid,pid,used_memory,process_name"
  private static let format = "--format=csv,noheader,nounits"
  /// More than any node has.
  private static let countMax = 1024
  /// Lines that are no rows: more of them are more of the same.
  private static let messageCountMax = 8
  private static let messageSizeMax = 300

  /// Asks all at once, so that a driver that hangs costs one timeout.
  ///
  /// - Parameter isOurs: Whether a process belongs to this run.
  static func ask(
    _ facts: inout PreflightFacts, environment: [String: String],
    clock: some Clock<Duration> & Sendable, isOurs: (Int32) -> Bool
  ) async {
    async let asked = Self.run(["--query-gpu=\(Self.gpuFields)", Self.format], environment, clock)
    async let processes = Self.processes(environment: environment, clock: clock)
    async let header = Self.run([], environment, clock)
    switch await asked {
    case .absent: facts.gpuProgram = .absent
    case .hung: facts.gpuProgram = .hung
    case .notStarted(let reason):
      facts.gpuProgram = .failed
      facts.gpuFault = reason
    case .ended(let status, let output): Self.read(output, endedWith: status, into: &facts)
    }
    facts.gpuProcesses = await processes
    for index in facts.gpuProcesses.indices {
      let processID = Int32(truncatingIfNeeded: facts.gpuProcesses[index].processID)
      facts.gpuProcesses[index].isOurs = isOurs(processID)
    }
    if case .ended(_, let output) = await header {
      facts.cuda = Self.cudaVersion(in: output) ?? ""
    }
  }

  /// Those that use GPUs now; none where that is not known.
  static func processes(
    environment: [String: String], clock: some Clock<Duration>
  ) async -> [PreflightFacts.GPUProcess] {
    let question = ["--query-compute-apps=\(Self.processFields)", Self.format]
    // A status tells of one GPU or of a setting: rows beside it are right.
    guard case .ended(_, let output) = await Self.run(question, environment, clock) else {
      return []
    }
    return Self.processes(in: output)
  }

  private static func run(
    _ arguments: [String], _ environment: [String: String], _ clock: some Clock<Duration>
  ) async -> ToolRun.Outcome {
    await ToolRun(argv: ["nvidia-smi"] + arguments, environment: environment).outcome(clock: clock)
  }

  /// Rows count whatever the status: it is 14 where one infoROM is corrupted, 15 where one GPU is gone.
  static func read(
    _ output: String, endedWith status: Int, into facts: inout PreflightFacts
  ) {
    for line in output.split(whereSeparator: \.isNewline) {
      if let gpu = Self.gpu(line) {
        if facts.gpus.count < Self.countMax { facts.gpus.append(gpu) }
      } else if line.contains(where: { !$0.isWhitespace }),
        facts.gpuMessages.count < Self.messageCountMax
      {
        let message = line.drop { $0.isWhitespace }.prefix(Self.messageSizeMax)
        facts.gpuMessages.append(String(message))
      }
    }
    guard status == 0 || !facts.gpus.isEmpty else {
      facts.gpuProgram = .failed
      facts.gpuFault = "status \(status): \(facts.gpuMessages.first ?? "no words")"
      facts.gpuMessages = []
      return
    }
    facts.gpuProgram = .answered
    facts.gpuStatus = status
  }

  /// A line as `0, GPU-5f…, 143771, 4, 570.86.15, Enabled, 0, NVIDIA H200`; `nil`: it is none.
  private static func gpu(_ line: Substring) -> PreflightFacts.GPU? {
    guard let words = Self.words(of: line, count: 8), let index = UInt32(words[0]) else {
      return nil
    }
    let values = words.map(Self.known)
    var gpu = PreflightFacts.GPU(index: Int(index), name: values[7] ?? "", driver: values[4] ?? "")
    gpu.uuid = values[1] ?? ""
    gpu.memoryTotalMebibytes = Self.number(values[2])
    gpu.memoryUsedMebibytes = Self.number(values[3])
    gpu.eccMode = values[5] ?? ""
    gpu.uncorrectedErrors = Self.number(values[6])
    // Every GPU that answers knows its identity, its name and, where it has its own, its memory.
    gpu.isLost =
      words.contains { $0.contains("GPU is lost") }
      || [1, 2, 7].contains { ["ERR!", "Unknown Error"].contains(Self.bare(words[$0])) }
    return gpu
  }

  /// Lines as `GPU-5f…, 12345, 2048, python3`.
  static func processes(in output: String) -> [PreflightFacts.GPUProcess] {
    output.split(whereSeparator: \.isNewline).prefix(Self.countMax).compactMap { line in
      guard let values = Self.words(of: line, count: 4)?.map(Self.known),
        let processID = values[1].flatMap({ Int($0) })
      else { return nil }
      return PreflightFacts.GPUProcess(
        gpu: values[0] ?? "", processID: processID, name: values[3] ?? "",
        memoryMebibytes: Self.number(values[2]))
    }
  }

  private static func number(_ value: String?) -> Int? {
    value.flatMap { UInt64($0) }.map { Int(min($0, UInt64(PreflightFacts.numberMax))) }
  }

  /// `nil` for what stands where there is no value: `[N/A]`, `[Insufficient Permissions]`, `ERR!`.
  private static func known(_ word: Substring) -> String? {
    word.isEmpty || word.hasPrefix("[") || ["N/A", "ERR!", "Unknown Error"].contains(word)
      ? nil : String(word)
  }

  private static func bare(_ word: Substring) -> String {
    String(word.drop { $0 == "[" }.prefix { $0 != "]" })
  }

  /// Of the line `… Driver Version: 570.86.15   CUDA Version: 12.8 |`; newer drivers write
  /// `CUDA UMD Version:`.
  static func cudaVersion(in output: String) -> String? {
    for mark in ["CUDA Version:", "CUDA UMD Version:"] {
      guard let place = output.firstRange(of: mark) else { continue }
      let version = output[place.upperBound...].drop { $0 == " " }
        .prefix { $0.isNumber || $0 == "." }
      if !version.isEmpty { return String(version) }
    }
    return nil
  }

  /// Between commas, the last with all that are left; `nil` where they are fewer.
  private static func words(of line: Substring, count: Int) -> [Substring]? {
    let words = line.split(
      separator: ",", maxSplits: count - 1, omittingEmptySubsequences: false)
    guard words.count == count else { return nil }
    let isBlank = { (character: Character) in character == " " || character == "\r" }
    return words.map { word in
      var word = word.drop(while: isBlank)
      while let last = word.last, isBlank(last) { word.removeLast() }
      return word
    }
  }
}

/// Shows that the GPU memory of what was stopped is free again: a driver may keep what a process that
/// is gone had, and then the next one does not fit.
///
/// Only processes of this run that `nvidia-smi` named before are looked for after: in a container it
/// names processes of others by numbers that mean nothing here.
struct GPUMemoryProof<ProofClock: Clock & Sendable>: Sendable
where ProofClock.Duration == Duration {
  /// A driver frees the memory of eight GPUs within seconds.
  private static var patience: Duration { .seconds(10) }
  private static var interval: Duration { .milliseconds(500) }

  let run: String
  let environment: [String: String]
  let clock: ProofClock

  /// Processes of this run that hold memory of GPUs; none where there is no `nvidia-smi`, or it hangs.
  func holders() async -> [PreflightFacts.GPUProcess] {
    let holders = await GPUQuestion.processes(environment: self.environment, clock: self.clock)
    return holders.filter { RunMark.isOurs(Int32(truncatingIfNeeded: $0.processID), run: self.run) }
  }

  /// What is still held for those of the processes that are gone, in words.
  func leftovers(of holders: [PreflightFacts.GPUProcess]) async -> [String] {
    let deadline = self.clock.now.advanced(by: Self.patience)
    let former = Set(holders.map(\.processID))
    while !former.isEmpty {
      let left = await GPUQuestion.processes(environment: self.environment, clock: self.clock)
        .filter { process in
          let id = Int32(truncatingIfNeeded: process.processID)
          return former.contains(process.processID) && ProcessTable.stat(of: id)?.isGone ?? true
        }
      if left.isEmpty { return [] }
      guard self.clock.now < deadline else {
        return left.map { process in
          let memory = process.memoryMebibytes.map { "\($0) MiB" } ?? "memory"
          return "GPU \(process.gpu) still holds \(memory) of process \(process.processID) "
            + "(\(process.name)), which is gone"
        }
      }
      do { try await self.clock.sleep(for: Self.interval) } catch { return [] }
    }
    return []
  }
}
