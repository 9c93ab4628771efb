import Launch
import OperatingSystem

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
          "GPU \(process.gpu) still holds \(process.memoryMebibytes ?? 0) MiB of process "
            + "\(process.processID) (\(process.name)), which is gone"
        }
      }
      do { try await self.clock.sleep(for: Self.interval) } catch { return [] }
    }
    return []
  }
}
