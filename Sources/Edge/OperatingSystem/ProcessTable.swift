import CLinux
import Glibc

/// The processes of this machine, by `/proc`.
package enum ProcessTable {
  /// What the kernel allows for arguments and environment together by default, and more than any
  /// that was seen.
  private static let environmentSizeMax = 2 << 20

  /// Changes with every start of the machine; empty where it cannot be read.
  package static var bootID: String {
    let bytes = (try? PlainFile.read("/proc/sys/kernel/random/boot_id", sizeMax: 64)) ?? []
    return String(decoding: bytes.filter { $0 > UInt8(ascii: " ") }, as: UTF8.self)
  }

  /// `nil` where there is no such process (any more).
  package static func stat(of processID: Int32) -> ProcessStat? {
    (try? PlainFile.read("/proc/\(processID)/stat", sizeMax: 4096)).flatMap {
      ProcessStat(parsing: $0)
    }
  }

  /// Whether the very process runs still.
  package static func isAlive(_ identity: ProcessStat.Identity) -> Bool {
    Self.stat(of: identity.processID).map { $0.identity == identity && !$0.isGone } ?? false
  }

  /// All that have not ended, in the order of their numbers.
  package static func all() -> [ProcessStat] {
    ((try? PlainFile.names(in: "/proc")) ?? []).compactMap { Int32($0) }.sorted()
      .compactMap { Self.stat(of: $0) }.filter { !$0.isGone }
  }

  /// The environment with which a process was started: `NAME=value`, each ended by NUL; empty where it
  /// may not be read, which is so for other users' processes.
  ///
  /// - Parameter process: Its number, or `self`.
  package static func environment(of process: some CustomStringConvertible) -> [UInt8] {
    (try? PlainFile.read("/proc/\(process)/environ", sizeMax: Self.environmentSizeMax)) ?? []
  }

  /// Whether that environment holds all of `entries`, each `NAME=value`.
  package static func environment(of processID: Int32, contains entries: [String]) -> Bool {
    let block = Self.environment(of: processID)
    let found = Set(block.split(separator: 0).map { String(decoding: $0, as: UTF8.self) })
    return !found.isEmpty && entries.allSatisfy(found.contains)
  }

  /// The first of several of one name wins, as in C; entries without `=` are left out.
  package static func variables(in environment: [UInt8]) -> [String: String] {
    let pairs = environment.split(separator: 0).compactMap { entry -> (String, String)? in
      guard let sign = entry.dropFirst().firstIndex(of: UInt8(ascii: "=")) else { return nil }
      return (
        String(decoding: entry[..<sign], as: UTF8.self),
        String(decoding: entry[(sign + 1)...], as: UTF8.self)
      )
    }
    return Dictionary(pairs) { first, _ in first }
  }

  /// Sends a signal to this very process: between the look and the signal its number cannot be
  /// given to another. Kernels before 5.3 cannot promise that; there the look comes just before.
  package static func send(_ signal: CInt, to identity: ProcessStat.Identity) {
    let descriptor = clinux_pidfd_open(identity.processID)
    guard descriptor >= 0 else {
      let isOld = errno == ENOSYS
      if isOld, Self.isAlive(identity) { kill(identity.processID, signal) }
      return
    }
    defer { close(descriptor) }
    if Self.isAlive(identity) { _ = clinux_pidfd_send_signal(descriptor, signal) }
  }
}
