package import NodeAPI
import SwiftProtobuf

/// What `nvidia-smi` says of the node's GPUs. Source: `nvidia-smi --help-query-gpu` and
/// `--help-query-compute-apps`; a value that the driver has not is `[N/A]` or `[Not Supported]`.
package enum GPUQuestion {
  /// Names may hold anything and come last.
  private static let gpuFields =
    "index,uuid,memory.total,memory.used,driver_version,ecc.mode.current,"
    + "ecc.errors.uncorrected.volatile.total,name"
  private static let processFields = "gpu_uuid,pid,used_memory,process_name"
  /// More than any node has.
  private static let countMax = 1024

  /// Asks all at once, so that a driver that hangs costs one timeout.
  ///
  /// - Parameter isOurs: Whether a process belongs to this run.
  static func ask(
    _ facts: inout Muster_V1_NodeFacts, environment: [String: String],
    clock: some Clock<Duration> & Sendable, isOurs: (Int32) -> Bool
  ) async {
    func run(_ arguments: [String]) async -> ToolRun.Outcome {
      await ToolRun(argv: ["nvidia-smi"] + arguments, environment: environment)
        .outcome(clock: clock)
    }
    let format = "--format=csv,noheader,nounits"
    async let asked = run(["--query-gpu=\(Self.gpuFields)", format])
    async let processes = run(["--query-compute-apps=\(Self.processFields)", format])
    async let header = run([])
    switch await asked {
    case .absent: facts.gpuProgram = .absent
    case .hung: facts.gpuProgram = .hung
    case .notStarted(let reason):
      facts.gpuProgram = .failed
      facts.gpuFault = reason
    case .ended(0, let output):
      facts.gpuProgram = .answered
      facts.gpus = Self.gpus(in: output)
    case .ended(let status, let output):
      facts.gpuProgram = .failed
      let words = output.split(whereSeparator: \.isNewline).first.map(String.init) ?? "no words"
      facts.gpuFault = "status \(status): \(words.prefix(300))"
    }
    if case .ended(0, let output) = await processes {
      facts.gpuProcesses = Self.processes(in: output)
      for index in facts.gpuProcesses.indices {
        let processID = Int32(truncatingIfNeeded: facts.gpuProcesses[index].processID)
        facts.gpuProcesses[index].ours = isOurs(processID)
      }
    }
    if case .ended(0, let output) = await header {
      facts.cudaVersion = Self.cudaVersion(in: output) ?? ""
    }
  }

  /// Those that use GPUs now; none where that is not known.
  static func processes(
    environment: [String: String], clock: some Clock<Duration>
  ) async -> [Muster_V1_GPUProcess] {
    let question = ["--query-compute-apps=\(Self.processFields)", "--format=csv,noheader,nounits"]
    let run = ToolRun(argv: ["nvidia-smi"] + question, environment: environment)
    guard case .ended(0, let output) = await run.outcome(clock: clock) else { return [] }
    return Self.processes(in: output)
  }

  /// Lines as `0, GPU-5f…, 143771, 4, 570.86.15, Enabled, 0, NVIDIA H200`.
  package static func gpus(in output: String) -> [Muster_V1_GPUFacts] {
    Self.rows(in: output, count: 8).compactMap { values in
      guard let index = values[0].flatMap({ UInt32($0) }) else { return nil }
      return .with {
        $0.index = index
        $0.uuid = values[1] ?? ""
        if let size = values[2].flatMap({ UInt64($0) }) { $0.memoryTotalMib = size }
        if let size = values[3].flatMap({ UInt64($0) }) { $0.memoryUsedMib = size }
        $0.driverVersion = values[4] ?? ""
        $0.eccMode = values[5] ?? ""
        if let count = values[6].flatMap({ UInt64($0) }) { $0.uncorrectedEccErrors = count }
        $0.name = values[7] ?? ""
      }
    }
  }

  /// Lines as `GPU-5f…, 12345, 2048, python3`.
  package static func processes(in output: String) -> [Muster_V1_GPUProcess] {
    Self.rows(in: output, count: 4).compactMap { values in
      guard let processID = values[1].flatMap({ Int64($0) }) else { return nil }
      return .with {
        $0.gpuUuid = values[0] ?? ""
        $0.processID = processID
        if let size = values[2].flatMap({ UInt64($0) }) { $0.memoryMib = size }
        $0.name = values[3] ?? ""
      }
    }
  }

  /// Of the line `… Driver Version: 570.86.15   CUDA Version: 12.8 |`; newer drivers write
  /// `CUDA UMD Version:`.
  package static func cudaVersion(in output: String) -> String? {
    for mark in ["CUDA Version:", "CUDA UMD Version:"] {
      guard let place = output.firstRange(of: mark) else { continue }
      let version = output[place.upperBound...].drop { $0 == " " }
        .prefix { $0.isNumber || $0 == "." }
      if !version.isEmpty { return String(version) }
    }
    return nil
  }

  /// The values of each line that has at least `count`, without those that are none.
  private static func rows(in output: String, count: Int) -> [[String?]] {
    output.split(whereSeparator: \.isNewline).prefix(Self.countMax).compactMap { line in
      let values = line.split(
        separator: ",", maxSplits: count - 1, omittingEmptySubsequences: false)
      guard values.count == count else { return nil }
      return values.map { value in
        let word = value.drop { $0 == " " }
        return word.isEmpty || word.hasPrefix("[") ? nil : String(word)
      }
    }
  }
}
