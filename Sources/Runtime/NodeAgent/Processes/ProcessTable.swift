import CLinux
import Glibc

/// The processes of this machine, by `/proc`.
package enum ProcessTable {
  /// `nil` where there is no such process (any more).
  package static func stat(of processID: Int32) -> ProcessStat? {
    guard let bytes = try? PlainFile.read("/proc/\(processID)/stat", sizeMax: 4096) else {
      return nil
    }
    return ProcessStat(parsing: bytes)
  }

  /// Whether the very process runs still.
  package static func isAlive(_ identity: ProcessStat.Identity) -> Bool {
    guard let stat = Self.stat(of: identity.processID) else { return false }
    return stat.identity == identity && !stat.isGone
  }

  /// All that have not ended, in the order of their numbers.
  package static func all() -> [ProcessStat] {
    var processes: [ProcessStat] = []
    for name in (try? PlainFile.names(in: "/proc")) ?? [] {
      guard let processID = Int32(name), let stat = Self.stat(of: processID), !stat.isGone else {
        continue
      }
      processes.append(stat)
    }
    return processes.sorted { $0.identity.processID < $1.identity.processID }
  }

  /// Whether the environment with which the process was started holds all of `entries`, each
  /// `NAME=value`; false where it may not be read, which is so for other users' processes.
  package static func environment(of processID: Int32, contains entries: [String]) -> Bool {
    let path = "/proc/\(processID)/environ"
    guard let bytes = try? PlainFile.read(path, sizeMax: EnvironmentBlock.sizeMax) else {
      return false
    }
    let found = Set(bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) })
    return entries.allSatisfy(found.contains)
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
