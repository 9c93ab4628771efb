import Synchronization

/// Whole lines of one log on standard output, so that those of several replicas do not mix.
final class LogLines: Sendable {
  /// A line without an end is passed on in pieces of this size.
  private static let lineSizeMax = 64 << 10

  private let prefix: [UInt8]
  private let write: @Sendable ([UInt8]) -> Void
  private let rest = Mutex<[UInt8]>([])

  init(
    prefix: String, write: @escaping @Sendable ([UInt8]) -> Void = { StandardStreams.data($0) }
  ) {
    self.prefix = Array(prefix.utf8)
    self.write = write
  }

  func print(_ bytes: [UInt8]) {
    let output = self.rest.withLock { rest in
      rest += bytes
      var output: [UInt8] = []
      while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        output += self.prefix + rest[...end]
        rest.removeSubrange(...end)
      }
      if rest.count > Self.lineSizeMax {
        output += self.prefix + rest + [UInt8(ascii: "\n")]
        rest = []
      }
      return output
    }
    if !output.isEmpty { self.write(output) }
  }

  /// Passes on a last line that has no end.
  func finish() {
    let rest = self.rest.withLock { rest in
      defer { rest = [] }
      return rest
    }
    if !rest.isEmpty { self.write(self.prefix + rest + [UInt8(ascii: "\n")]) }
  }
}
