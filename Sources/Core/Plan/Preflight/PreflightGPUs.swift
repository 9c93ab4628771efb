import Fleet
import Launch

/// What drivers say of a node's GPUs, in answers and in the kernel's log.
extension PreflightCheck {
  /// After these the GPU needs a reset or the node a reboot before anything runs on it. Not 94: a
  /// memory error contained to the program that met it. Source: NVIDIA's XID catalogue for Ampere and
  /// later ("Resolution Bucket (Immediate Action)", and the texts of 48 and 74). Of 144 to 150 and of
  /// 154 the line itself says it.
  private static let fatalXIDs: Set<Int> = [
    46, 48, 62, 64, 74, 79, 95, 109, 110, 119, 120, 136, 140, 143, 156, 158,
  ]
  /// How `nvidia-smi` says that a GPU does not answer.
  private static let lostWords = ["is lost", "Unable to determine the device handle", "fallen off"]
  /// What `nvidia-smi` ends with when rows can be right all the same. Source: its manual, "Return Value".
  private static let statusWords = [
    4: "no permission for a part of the question", 6: "a device was not found",
    8: "external power cables are not attached properly",
    10: "the kernel has found an interrupt issue with a GPU", 14: "an infoROM is corrupted",
    15: "a GPU has fallen off the bus, or is inaccessible",
  ]
  private static let lostStatus = 15

  mutating func look(atGPUsOf answer: PreflightAnswer) {
    let (node, facts) = (answer.node, answer.facts)
    let used = self.plan.usedGPUs(on: node, among: facts.gpus)
    self.look(atProgramOf: answer, used)
    self.look(atMessagesOf: answer)
    for gpu in facts.gpus {
      guard let errors = gpu.uncorrectedErrors, errors > 0 else { continue }
      self.add(
        used.isEmpty || used.contains(gpu.index) ? .error : .warning, "gpu-ecc", on: node,
        "GPU \(gpu.index) has uncorrected ECC errors", detail: "\(errors) on \(gpu.uuid)",
        hint: "`nvidia-smi --gpu-reset -i \(gpu.index)` or a reboot retires the memory")
    }
    for process in facts.gpuProcesses where !process.isOurs {
      guard let gpu = facts.gpus.first(where: { $0.uuid == process.gpu }),
        used.contains(gpu.index)
      else { continue }
      let memory = process.memoryMebibytes.map { ", \($0) MiB" } ?? ""
      self.add(
        .error, "gpu-busy", on: node, "GPU \(gpu.index) is used by a process of someone else",
        detail: "pid \(process.processID), `\(process.name)`\(memory)")
    }
    for xid in facts.xids ?? [] { self.look(at: xid, on: node) }
  }

  private mutating func look(atProgramOf answer: PreflightAnswer, _ used: Set<Int>) {
    let (node, facts) = (answer.node, answer.facts)
    switch facts.gpuProgram {
    case .absent:
      // One is an engine's default, on a CPU too; several are asked for.
      guard used.count > 1 else { break }
      self.add(
        .warning, "gpus-unknown", on: node,
        "there is no `nvidia-smi`: whether the \(used.count) GPUs of the plan are there is not known"
      )
    case .hung:
      self.add(
        .error, "gpu-hung", on: node, "`nvidia-smi` does not answer: it was ended after 10 s",
        hint: "look for `NVRM` in `dmesg`; a driver that hangs needs a reset or a reboot")
    case .failed:
      self.add(
        used.isEmpty ? .warning : .error, "gpu-failed", on: node, "`nvidia-smi` fails",
        detail: facts.gpuFault)
    case .answered:
      let count = facts.gpus.count
      let hint = "lower `tensor_parallel` or `replicas`, or move the service with `on`"
      if let most = used.max(), most >= count {
        self.add(
          .error, "too-few-gpus", on: node,
          "the plan uses GPU \(most), where there \(count == 1 ? "is" : "are") \(count)", hint: hint
        )
      } else if let missing = used.subtracting(facts.gpus.map(\.index)).min() {
        self.add(
          .error, "too-few-gpus", on: node,
          "the plan uses GPU \(missing), which `nvidia-smi` does not list", hint: hint)
      }
    }
  }

  /// A GPU that is gone shifts the numbers of the others: that it is not the plan's is no comfort.
  private mutating func look(atMessagesOf answer: PreflightAnswer) {
    let (node, facts) = (answer.node, answer.facts)
    var isTold = false
    for message in facts.gpuMessages {
      if Self.lostWords.contains(where: { message.contains($0) }) {
        self.addLost("`nvidia-smi`: \(message)", on: node)
        isTold = true
      } else {
        self.add(.warning, "gpu-message", on: node, "`nvidia-smi` warns", detail: message)
      }
    }
    for gpu in facts.gpus where gpu.isLost {
      self.addLost("`nvidia-smi` gets no answer of GPU \(gpu.index) \(gpu.uuid)", on: node)
      isTold = true
    }
    let status = facts.gpuStatus
    guard status != 0, !isTold, facts.gpuMessages.isEmpty || status == Self.lostStatus else {
      return
    }
    let words = "`nvidia-smi` ends with status \(status)"
    let text = Self.statusWords[status].map { "\(words): \($0)" } ?? words
    if status == Self.lostStatus { return self.addLost(text, on: node) }
    self.add(.warning, "gpu-message", on: node, text)
  }

  private mutating func addLost(_ detail: String, on node: String) {
    self.add(
      .error, "gpu-lost", on: node, "a GPU is gone", detail: detail,
      hint: "reboot, or reset the GPU; of one that is back, `--skip-preflight` takes no notice")
  }

  private mutating func look(at xid: PreflightFacts.XID, on node: String) {
    let times = xid.count == 1 ? "once" : "\(xid.count) times"
    let place = xid.device.isEmpty ? "" : " for \(xid.device)"
    let detail = "\(times)\(place): \(xid.text)"
    let reset =
      "reset the GPU or reboot; of a GPU that was reset since, `--skip-preflight` takes no notice"
    switch xid.kind {
    case .xid:
      let isFatal = xid.isFatal ?? Self.fatalXIDs.contains(xid.code)
      self.add(
        isFatal ? .error : .warning, "gpu-xid", on: node,
        "the GPU driver has written XID \(xid.code) since the machine started", detail: detail,
        hint: isFatal ? reset : nil)
    case .sxid:
      let isFatal = xid.isFatal == true
      self.add(
        isFatal ? .error : .warning, "gpu-sxid", on: node,
        "a switch between GPUs has told of SXid \(xid.code) since the machine started",
        detail: detail,
        hint: isFatal
          ? "reset all GPUs and switches, or reboot; when that was done since, `--skip-preflight` takes no notice"
          : nil)
    case .lost: self.addLost("the kernel's log, \(detail)", on: node)
    case .notStarted:
      self.add(
        .warning, "gpu-not-started", on: node, "the driver could not start a GPU", detail: detail)
    case .reset:
      let isFatal = xid.isFatal == true
      self.add(
        isFatal ? .error : .warning, "gpu-reset", on: node,
        isFatal ? "the reset of a GPU has failed" : "a GPU was reset since the machine started",
        detail: detail, hint: isFatal ? "reboot" : nil)
    }
  }
}
