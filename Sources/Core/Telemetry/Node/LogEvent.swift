/// A line of a log that tells of a GPU or of the network between GPUs.
package struct LogEvent: Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    /// An error that NVIDIA's driver numbers: 79 is a GPU that has fallen off the bus.
    case xid(Int)
    /// One of a switch between GPUs, whose numbers are others.
    case sxid(Int)
    /// A GPU does not answer any more.
    case gpuLost
    /// A collective operation did not end in time: another rank is gone, or hangs.
    case collectiveTimeout
    case ncclError
    case ncclWarning
    case cudaOutOfMemory
    case cudaError
  }

  /// Bytes of a line that are kept.
  private static let textSizeMax = 512

  package let kind: Kind
  /// The line without the blanks around it, cut to 512 bytes.
  package let text: String

  /// What each kind is recognised by; the first that fits counts. All words of a row have to be there.
  ///
  /// Source: the messages of NVIDIA's kernel modules and of NVML; NCCL 2, `src/debug.cc`; PyTorch 2,
  /// `ProcessGroupNCCL.cpp`, `NCCLUtils.hpp`, `CUDAException.cpp`, `CUDACachingAllocator.cpp`.
  private static let marks: [(words: [StaticString], kind: Kind)] = [
    (["fallen off the bus"], .gpuLost),
    (["GPU is lost"], .gpuLost),
    (["Watchdog caught collective operation timeout"], .collectiveTimeout),
    (["NCCL WARN"], .ncclWarning),
    (["NCCL error"], .ncclError),
    (["NCCL Error"], .ncclError),
    (["ncclSystemError:"], .ncclError),
    (["ncclInternalError:"], .ncclError),
    (["ncclRemoteError:"], .ncclError),
    (["ncclUnhandledCudaError:"], .ncclError),
    (["unhandled system error"], .ncclError),
    (["CUDA out of memory"], .cudaOutOfMemory),
    (["CUDA error", "out of memory"], .cudaOutOfMemory),
    (["CUDA error"], .cudaError),
  ]

  /// - Parameter line: Without its line feed; need not be UTF-8.
  /// - Returns: `nil` for a line of no such kind, which is nearly every one.
  package init?(line: some Collection<UInt8>) {
    let found = line.withContiguousStorageIfAvailable { Self.kind(of: UnsafeRawBufferPointer($0)) }
    guard let kind = found ?? Array(line).withUnsafeBytes({ Self.kind(of: $0) }) else {
      return nil
    }
    self.kind = kind
    let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 || byte == 0x0D }
    var text = Array(line.drop(while: isBlank).prefix(Self.textSizeMax))
    while let last = text.last, isBlank(last) { text.removeLast() }
    self.text = String(decoding: text, as: UTF8.self)
  }

  private static func kind(of line: UnsafeRawBufferPointer) -> Kind? {
    if let kind = Self.numbered(line) { return kind }
    for mark in Self.marks
    where mark.words.allSatisfy({ Self.end(of: $0, in: line) != nil }) {
      return mark.kind
    }
    return nil
  }

  /// `NVRM: Xid (PCI:0000:3b:00): 79, pid=…`, `nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 12028, …`;
  /// older drivers have no `PCI:`.
  private static func numbered(_ line: UnsafeRawBufferPointer) -> Kind? {
    let mark: StaticString = "Xid ("
    guard let start = Self.end(of: mark, in: line) else { return nil }
    let rest = UnsafeRawBufferPointer(rebasing: line[start...])
    guard let digits = Self.end(of: "): ", in: rest) else { return nil }
    let number = rest[digits...].prefix { $0 &- 0x30 < 10 }
    guard let code = Int(String(decoding: number, as: UTF8.self)) else { return nil }
    let before = start - mark.utf8CodeUnitCount - 1
    return before >= 0 && line[before] == UInt8(ascii: "S") ? .sxid(code) : .xid(code)
  }

  /// The offset behind the first place where `word` stands.
  private static func end(of word: StaticString, in line: UnsafeRawBufferPointer) -> Int? {
    let count = word.utf8CodeUnitCount
    guard line.count >= count else { return nil }
    let first = word.utf8Start[0]
    for start in 0...line.count - count where line[start] == first {
      var offset = 1
      while offset < count, line[start + offset] == word.utf8Start[offset] { offset += 1 }
      if offset == count { return start + count }
    }
    return nil
  }
}
