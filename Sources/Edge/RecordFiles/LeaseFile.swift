import Glibc
package import OperatingSystem
package import Rollouts

/// The leases that the coordinators of a work have given, a line each (`LeaseLine`).
///
/// It is not synced: what is lost of it with the machine costs no more than that the items of those leases
/// are done again.
package actor LeaseFile: LeaseLog {
  /// What was in the file when it was opened, by node.
  package nonisolated let known: [String: LeasedItems]
  private let file: OpenFile
  private var size: Int
  private nonisolated let thread = FileThread()

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    self.thread.asUnownedSerialExecutor()
  }

  /// Opens or creates the file, mode 0600; a line that is not whole ends what is read of it, and is
  /// overwritten. Blocks for reading.
  package init(path: String) throws(SystemFault) {
    let file = try OpenFile(path: path, flags: O_RDWR | O_CREAT)
    let bytes = try file.bytes(0..<(try file.size()))
    var known: [String: LeasedItems] = [:]
    let size = bytes.withUnsafeBytes { bytes in
      var start = 0
      while let end = RecordLineFeeds.first(in: bytes, from: start),
        let (node, lease) = LeaseLine.read(UnsafeRawBufferPointer(rebasing: bytes[start...end]))
      {
        known[node, default: LeasedItems()].add(lease)
        start = end + 1
      }
      return start
    }
    try file.truncate(to: size)
    self.file = file
    self.known = known
    self.size = size
  }

  /// Returns when the line would survive the end of this process.
  package func append(_ lease: Lease, to node: String) throws(SystemFault) {
    let line = LeaseLine.text(of: lease, to: node)
    try self.file.write(line, at: self.size)
    self.size += line.count
  }
}

/// Where the leases of a work are kept for later coordinators. Simulation replaces it.
package protocol LeaseLog: Sendable {
  /// Returns when it is known to whoever goes on after the end of this process.
  func append(_ lease: Lease, to node: String) async throws(SystemFault)
}
