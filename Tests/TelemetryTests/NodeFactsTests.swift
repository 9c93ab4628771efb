import Telemetry
import Testing

struct NodeFactsTests {
  @Test func `a line of nvidia-smi is read, and what the driver does not say is unknown`() throws {
    var expected = GPUSample(index: 3, name: "NVIDIA H100 80GB HBM3")
    expected.utilizationPercent = 97
    expected.memoryUsedMiB = 71_234
    expected.memoryTotalMiB = 81_559
    expected.powerWatts = 654.32
    expected.temperatureCelsius = 61
    expected.uncorrectedECCErrors = 2
    let head = "2026/11/21 12:00:00.123, 3, NVIDIA H100 80GB HBM3"
    #expect(GPUSample(line: "\(head), 97, 71234, 81559, 654.32, 61, 2") == expected)
    let silent = GPUSample(
      line: "\(head), [N/A], [Not Supported], ERR!, [Unknown Error], nan, [N/A]\r")
    #expect(silent == GPUSample(index: 3, name: "NVIDIA H100 80GB HBM3"))
    #expect(GPUSample(line: "t, 0, Odd, Name, 1, 2, 3, 4, 5, 6")?.name == "Odd, Name")
  }

  @Test(arguments: [
    "", "No devices were found", "NVIDIA-SMI has failed, because it couldn't, a, b, c, d, e, f",
    "t, x, name, 1, 2, 3, 4, 5, 6", "t, -1, name, 1, 2, 3, 4, 5, 6", "t, 0, 1, 2, 3, 4, 5, 6",
  ])
  func `what is no line of a GPU is none`(line: String) {
    #expect(GPUSample(line: line) == nil)
  }

  @Test(
    arguments: [
      ("[1.5] NVRM: Xid (PCI:0000:3b:00): 79, pid=1, GPU has fallen off the bus.", .xid(79)),
      ("NVRM: Xid (0000:03:00): 13, 0003 00000000 000050a0 00001b0c", .xid(13)),
      ("NVRM: Xid (PCI:0000:3f:00): 46", .xid(46)),
      (
        "nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 12028, Non-fatal, Link 32 egress PRIV error",
        .sxid(12_028)
      ),
      ("NVRM: GPU 0000:91:00.0: GPU has fallen off the bus.", .gpuLost),
      ("pynvml.NVMLError_GpuIsLost: GPU is lost", .gpuLost),
      ("gpu01:12:34 [0] misc/socket.cc:58 NCCL WARN Connect failed", .ncclWarning),
      (
        "DistBackendError: NCCL error in: x.cpp:1, unhandled system error, NCCL version 2",
        .ncclError
      ),
      ("ncclSystemError: System call (e.g. socket, malloc) failed", .ncclError),
      (
        "[Rank 3] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=9) NCCL error",
        .collectiveTimeout
      ),
      ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", .cudaOutOfMemory),
      ("RuntimeError: CUDA error: out of memory", .cudaOutOfMemory),
      ("RuntimeError: CUDA error: an illegal memory access was encountered", .cudaError),
    ] as [(String, LogEvent.Kind)])
  func `lines that tell of GPUs and their network are recognised`(
    line: String, kind: LogEvent.Kind
  ) {
    let event = LogEvent(line: Array("  \(line)\r".utf8))
    #expect(event?.kind == kind && event?.text == line)
  }

  @Test(arguments: [
    "", "Xid (PCI:", "NVRM: Xid (PCI:0000:3b:00): GPU", "INFO NCCL INFO Channel 00", "NCCL WAR",
    "CUDA graphs captured without error",
  ])
  func `other lines are not`(line: String) {
    #expect(LogEvent(line: Array(line.utf8)) == nil)
  }

  @Test func `a long line is cut, and need not be UTF-8`() throws {
    let line = Array("CUDA error ".utf8) + [UInt8](repeating: 0xFF, count: 4096)
    let event = try #require(LogEvent(line: line))
    #expect(event.text.unicodeScalars.count == 512)
  }
}
