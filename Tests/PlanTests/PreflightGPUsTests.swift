import Launch
import Plan
import Testing

/// What drivers say of GPUs, as findings; each test breaks one thing of `PreflightCheckTests`' cluster.
struct PreflightGPUsTests {
  private static func findings(_ change: (inout PreflightFacts) -> Void) -> [String] {
    PreflightCheckTests.findings { change(&$0[0].facts) }
  }

  @Test func `a warning of nvidia-smi is told in its own words, and stops nothing`() {
    let words = "WARNING: infoROM is corrupted at gpu 0000:5D:00.0"
    for status in [0, 14] {
      let found = Self.findings {
        $0.gpuMessages = [words]
        $0.gpuStatus = status
      }
      #expect(found == ["W|gpu-message|gpu1: `nvidia-smi` warns|gpu1: \(words)"])
    }
  }

  @Test(arguments: [
    (14, "W|gpu-message|gpu1: `nvidia-smi` ends with status 14: an infoROM is corrupted"),
    (139, "W|gpu-message|gpu1: `nvidia-smi` ends with status 139"),
    (
      15,
      "E|gpu-lost|gpu1: a GPU is gone|gpu1: `nvidia-smi` ends with status 15: a GPU has fallen off "
        + "the bus, or is inaccessible"
    ),
  ])
  func `a status beside rows is told where nothing else says it`(status: Int, finding: String) {
    #expect(Self.findings { $0.gpuStatus = status } == [finding])
  }

  @Test(arguments: [
    "Unable to determine the device handle for gpu 0000:18:00.0: Unknown Error",
    "Unable to determine the device handle for GPU0000:18:00.0: GPU is lost.  Reboot the system",
    "[GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost]",
  ])
  func `a GPU that is gone is an error with its address, whatever the plan uses`(words: String) {
    for status in [0, 15, 255] {
      let found = Self.findings {
        $0.gpuMessages = [words]
        $0.gpuStatus = status
        $0.gpus.append(.init(index: 2, name: "NVIDIA H200", driver: "570.86"))
      }
      #expect(
        found.first == "E|gpu-lost|gpu1: a GPU is gone|gpu1: `nvidia-smi`: \(words)", "\(found)")
    }
    // The one that is gone is not in the list.
    let missing = Self.findings {
      $0.gpus[0].index = 2
      $0.gpuMessages = [words]
    }
    #expect(
      missing.prefix(2) == [
        "E|too-few-gpus|gpu1: the plan uses GPU 0, which `nvidia-smi` does not list",
        "E|gpu-lost|gpu1: a GPU is gone|gpu1: `nvidia-smi`: \(words)",
      ], "\(missing)")
  }

  @Test func `a GPU that is listed and does not answer is gone, too`() {
    #expect(
      Self.findings { $0.gpus[1].isLost = true } == [
        "E|gpu-lost|gpu1: a GPU is gone|gpu1: `nvidia-smi` gets no answer of GPU 1 GPU-gpu1-1"
      ])
  }

  @Test(
    arguments: [
      (PreflightFacts.XID(code: 149, device: "d", isFatal: true), "E|gpu-xid"),
      (.init(code: 144, device: "d", isFatal: false), "W|gpu-xid"),
      (.init(code: 150, device: "d"), "W|gpu-xid"),
      (.init(code: 154, device: "d", isFatal: true), "E|gpu-xid"),
      // Reset since, by the driver's own word.
      (.init(code: 79, device: "d", isFatal: false), "W|gpu-xid"),
      (.init(.sxid, code: 20_034, device: "d", isFatal: true), "E|gpu-sxid"),
      (.init(.sxid, code: 48, device: "d", isFatal: false), "W|gpu-sxid"),
      (.init(.sxid, code: 79, device: "d"), "W|gpu-sxid"),
      (.init(.lost, device: "0000:b3:00.0"), "E|gpu-lost"),
      (.init(.notStarted, device: ""), "W|gpu-not-started"),
      (.init(.reset, device: "d"), "W|gpu-reset"),
      (.init(.reset, device: "d", isFatal: true), "E|gpu-reset"),
    ] as [(PreflightFacts.XID, String)])
  func `the kernel's log is an error where the GPU cannot be used before a reset`(
    xid: PreflightFacts.XID, begin: String
  ) {
    let found = Self.findings { $0.xids = [xid] }
    #expect(found.count == 1 && found[0].hasPrefix("\(begin)|"), "\(found)")
    #expect(xid.device.isEmpty || found[0].contains(xid.device))
  }

  @Test(arguments: [48, 64, 74, 79, 95, 119, 120, 140])
  func `XIDs after which a GPU needs a reset are errors`(code: Int) {
    #expect(Self.findings { $0.xids = [.init(code: code, device: "d")] }[0].hasPrefix("E|gpu-xid"))
  }

  @Test(arguments: [13, 31, 43, 45, 63, 92, 94, 137, 157])
  func `XIDs of programs, and those that are over, are warnings`(code: Int) {
    #expect(Self.findings { $0.xids = [.init(code: code, device: "d")] }[0].hasPrefix("W|gpu-xid"))
  }
}
