import Launch
import Testing

@testable import NodeAgent

/// What `nvidia-smi` and the kernel's log say in the field.
struct GPUWordsTests {
  // MARK: nvidia-smi

  private static let rows = (0..<4).map {
    "\($0), GPU-0000000\($0)-aaaa, 81559, 4, 570.86.15, Enabled, 0, NVIDIA H100 80GB HBM3"
  }

  private static func read(_ lines: [String], status: Int = 0) -> PreflightFacts {
    var facts = PreflightFacts()
    GPUQuestion.read(lines.joined(separator: "\n") + "\n", endedWith: status, into: &facts)
    return facts
  }

  @Test(arguments: [0, 4, 8, 14, 15, 255])
  func `rows count whatever the status, and lines among them are kept`(status: Int) {
    let warning = "WARNING: infoROM is corrupted at gpu 0000:5D:00.0"
    for place in 0...4 {
      var lines = Self.rows
      lines.insert("  \(warning)", at: place)
      lines.insert(" ", at: place)
      let facts = Self.read(lines, status: status)
      #expect(facts.gpuProgram == .answered && facts.gpuFault == "" && facts.gpuStatus == status)
      #expect(facts.gpus.map(\.index) == [0, 1, 2, 3] && facts.gpus[3].driver == "570.86.15")
      #expect(facts.gpuMessages == [warning] && !facts.gpus.contains { $0.isLost })
    }
  }

  @Test func `without a row a status is a failure, in its own words`() {
    let words = "Failed to initialize NVML: Insufficient Permissions"
    let failed = Self.read(["", words, "more"], status: 4)
    #expect(failed.gpuProgram == .failed && failed.gpuFault == "status 4: \(words)")
    #expect(failed.gpuMessages == [])
    #expect(Self.read([], status: 9).gpuFault == "status 9: no words")
    let none = Self.read(["No devices were found"])
    #expect(none.gpuProgram == .answered && none.gpus == [])
    #expect(none.gpuMessages == ["No devices were found"])
  }

  @Test(arguments: [
    "0, [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], x",
    "0, GPU-1, [Unknown Error], [Unknown Error], 570.1, [N/A], [N/A], NVIDIA H100",
    "0, [Unknown Error], 81559, 4, 570.1, [N/A], [N/A], NVIDIA H100",
    "0, GPU-1, ERR!, ERR!, 570.1, [N/A], [N/A], NVIDIA H100",
    "0, GPU-1, 81559, 4, 570.1, Enabled, 0, [Unknown Error]\r",
  ])
  func `a row whose GPU does not say who it is tells of a lost one`(row: String) {
    let facts = Self.read([row])
    #expect(facts.gpus.map(\.isLost) == [true], "\(facts)")
  }

  @Test(arguments: [
    "0, GPU-1, [N/A], [N/A], 580.1, [N/A], [N/A], NVIDIA GB10",
    "0, GPU-1, 81559, [Insufficient Permissions], 570.1, [Unknown Error], ERR!, Odd, Name [x]",
    "0, GPU-1, 81559, 4, 570.1, Enabled, [Not Supported], NVIDIA H100",
  ])
  func `a value that is not known is unknown, and no more`(row: String) {
    let facts = Self.read([row])
    #expect(facts.gpus.map(\.isLost) == [false] && facts.gpus[0].uncorrectedErrors == nil)
    #expect(facts.gpus[0].memoryTotalMebibytes != 0 && facts.gpus[0].memoryUsedMebibytes != 0)
    #expect(facts.gpuMessages == [])
  }

  @Test func `messages without end are kept to a few, and short`() {
    let facts = Self.read(
      Self.rows + [String](repeating: String(repeating: "x", count: 4000), count: 100))
    #expect(facts.gpus.count == 4 && facts.gpuMessages.count == 8)
    #expect(facts.gpuMessages.allSatisfy { $0.count == 300 })
  }

  // MARK: The kernel's log

  /// `kind code device count fatal`, in order.
  private static func found(_ lines: String...) -> [String] {
    KernelLog.xids(in: lines.joined(separator: "\n")).map { xid in
      let fatal = xid.isFatal.map { $0 ? "fatal" : "harmless" } ?? "-"
      return "\(xid.kind) \(xid.code) \(xid.device) \(xid.count) \(fatal)"
    }
  }

  @Test func `NVLink's XIDs are as bad as their lines say`() {
    let found = Self.found(
      "[1.2] NVRM: Xid (PCI:0000:66:00): 149, NETIR_LINK_DOWN Fatal XC0 i0 Link 14 (0x026001c6)",
      "[1.3] NVRM: Xid (PCI:0000:66:00): 149, NETIR_LINK_EVT  Nonfatal XC0 i0 Link 14 (0x0)",
      "[1.4] NVRM: Xid (PCI:0000:66:00): 149, NETIR_LINK_EVT  Nonfatal XC0 i0 Link 15 (0x0)",
      "[1.5] NVRM: Xid (PCI:0000:76:00): 144, SAW_MVB Non-fatal XC0 i0 Link 0 (0x1)",
      "[1.6] NVRM: Xid (PCI:0000:76:00): 45, pid=7, name=Fatal, Ch 01 caused by previous Xid 149")
    #expect(
      found == [
        "xid 149 0000:66:00 1 fatal", "xid 149 0000:66:00 2 harmless",
        "xid 144 0000:76:00 1 harmless", "xid 45 0000:76:00 1 -",
      ])
  }

  @Test func `what a GPU needs by XID 154 is as its line says, and nothing ends what was before`() {
    let reset = "NVRM: Xid (PCI:0008:01:00): 154, GPU recovery action changed from 0x0 (None) to "
    #expect(Self.found(reset + "0x1 (GPU Reset Required)") == ["xid 154 0008:01:00 1 fatal"])
    #expect(
      Self.found(
        "NVRM: Xid (PCI:0008:01:00): 119, pid=1, Timeout", "NVRM: Xid (PCI:0009:01:00): 119, x",
        "NVRM: Xid (PCI:0008:01:00): 154, GPU recovery action changed from 0x1 (GPU Reset Required)"
          + " to 0x0 (None)", "NVRM: Xid (PCI:0008:01:00): 119, pid=1, Timeout")
        == [
          "xid 119 0008:01:00 1 harmless", "xid 119 0009:01:00 1 -",
          "xid 154 0008:01:00 1 harmless", "xid 119 0008:01:00 1 -",
        ])
    #expect(Self.found("NVRM: Xid (PCI:0008:01:00): 154 (") == ["xid 154 0008:01:00 1 -"])
  }

  @Test func `switches have their own numbers, and lines of data are none of their own`() {
    let found = Self.found(
      "[9.1] nvidia-nvswitch3: SXid (PCI:0000:05:00.0): 12028, Non-fatal, Link 32 egress PRIV error",
      "[9.2] nvidia-nvswitch3: SXid (PCI:0000:05:00.0): 12028, Severity 0 Engine instance 32",
      "[9.3] nvidia-nvswitch3: SXid (PCI:0000:05:00.0): 12028, Data {0x00000001, 0x00000000}",
      "[9.4] nvidia-nvswitch0: SXid (PCI:0000:00:00.0): 20034, Fatal, Link 30 LTSSM Fault Up")
    #expect(found == ["sxid 12028 0000:05:00.0 1 harmless", "sxid 20034 0000:00:00.0 1 fatal"])
  }

  @Test(arguments: [
    """
    [ 1843.308145] NVRM: The NVIDIA GPU 0000:b3:00.0
                   NVRM: (PCI ID: 10de:26b5) installed in this system has
                   NVRM: fallen off the bus and is not responding to commands.
    [ 1843.439662] NVRM: The NVIDIA probe routine failed for 1 device(s).
    """,
    """
    NVRM: The NVIDIA GPU 0000:b3:00.0 (PCI ID: 10de:1e07) installed in this
    NVRM: system has fallen off the bus and is not responding to commands.
    """,
    #"NVRM: The NVIDIA GPU 0000:b3:00.0\x0aNVRM: (PCI ID: 10de:26b5)\x0aNVRM: fallen off the bus"#,
    "[7.5] NVRM: GPU 0000:b3:00.0: GPU has fallen off the bus.",
    "[7.5] NVRM: GPU at 0000:b3:00.0 has fallen off the bus.",
    "[7.5] NVRM: GPU 0000:b3:00.0: GPU is lost.\n[8.5] NVRM: GPU 0000:b3:00.0: RmInitAdapter failed! (0x22)",
  ])
  func `a GPU that is gone is told without an XID, with its address`(log: String) {
    let xids = KernelLog.xids(in: log)
    #expect(xids.map(\.kind) == [.lost] && xids.map(\.device) == ["0000:b3:00.0"], "\(xids)")
    #expect(xids.first?.text.hasPrefix("NVRM: ") == true)
  }

  @Test func `one that is gone is told once, with its XID where it has one`() {
    #expect(
      Self.found(
        "NVRM: Xid (PCI:0000:91:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.",
        "NVRM: GPU 0000:91:00.0: GPU has fallen off the bus.",
        "NVRM: GPU 0000:92:00.0: RmInitAdapter failed! (0x22:0x56:894)",
        "NVRM: GPU 0000:92:00.0: rm_init_adapter failed, device minor number 0",
        "NVRM: RmInitAdapter failed! (0x24:0xffff:1211)")
        == [
          "xid 79 0000:91:00 1 -", "notStarted 0 0000:92:00.0 1 -", "notStarted 0  1 -",
        ])
  }

  @Test func `resets of AMD's GPUs are told, and whether they failed`() {
    #expect(
      Self.found(
        "[5.1] amdgpu 0000:43:00.0: amdgpu: GPU reset begin!",
        "[5.2] amdgpu 0000:43:00.0: amdgpu: GPU reset(2) succeeded!",
        "[5.3] amdgpu 0000:44:00.0: amdgpu: GPU reset end with ret = -62",
        "[5.4] amdgpu 0000:44:00.0: amdgpu: RAS: optional ras ta ucode is not available")
        == ["reset 0 0000:43:00.0 1 -", "reset 0 0000:44:00.0 1 fatal"])
  }

  @Test func `old and odd forms of XIDs are read, and what is none is none`() {
    #expect(
      Self.found(
        "NVRM: Xid (0000:03:00): 13, 0003 00000000", "NVRM: Xid (PCI:0000:3f:00): 46",
        "NVRM: Xid (PCI:0000:01:00 GPU-I:05): 31, pid=1, Ch 00000003",
        "NVRM: Xid (PCI:0000:66:00): abc, pid=22", "NVRM: Xid : 32, pid=22", "NVRM: Xid (",
        "NVRM: GPU at PCI:0000:66:00: GPU-1234", "Linux version 5.15.0-117-generic")
        == ["xid 13 0000:03:00 1 -", "xid 46 0000:3f:00 1 -", "xid 31 0000:01:00 GPU-I:05 1 -"])
  }
}
