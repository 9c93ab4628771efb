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

  /// The command line of a process; empty where it has none.
  package static func arguments(of processID: Int32) -> [String] {
    let bytes = (try? PlainFile.read("/proc/\(processID)/cmdline", sizeMax: 4096)) ?? []
    return bytes.split(separator: 0, omittingEmptySubsequences: false).dropLast()
      .map { String(decoding: $0, as: UTF8.self) }
  }

  /// The environment with which a process was started: `NAME=value`, each ended by NUL; empty where it
  /// may not be read, which is so for other users' processes.
  ///
  /// - Parameter process: Its number, or `self`.
  package static func environment(of process: some CustomStringConvertible) -> [UInt8] {
    (try? PlainFile.read("/proc/\(process)/environ", sizeMax: Self.environmentSizeMax)) ?? []
  }

  /// Whether a process is wholly of the user of this one: real, effective, saved. The owner of its folder
  /// does not say so: that of a process which may not be dumped is root's.
  package static func isOfOwnUser(_ processID: Int32) -> Bool {
    let bytes = (try? PlainFile.read("/proc/\(processID)/status", sizeMax: 64 << 10)) ?? []
    let line = bytes.split(separator: UInt8(ascii: "\n")).first { $0.starts(with: "Uid:".utf8) }
    let users = line?.split(separator: UInt8(ascii: "\t")).dropFirst() ?? []
    return !users.isEmpty && users.allSatisfy { $0.elementsEqual("\(geteuid())".utf8) }
  }

  /// What the descriptors of a process lead to, such as a path or `socket:[4711]`; none where they may
  /// not be read, which is so for other users' processes.
  package static func descriptors(of processID: Int32) -> [String] {
    let folder = "/proc/\(processID)/fd"
    return ((try? PlainFile.names(in: folder)) ?? []).compactMap { name in
      var target = [CChar](repeating: 0, count: 64)
      let count = readlink("\(folder)/\(name)", &target, target.count)
      guard count > 0 else { return nil }
      return String(decoding: target[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
  }

  /// The files that are a process's standard output and error; none where they may not be read.
  package static func outputs(of processID: Int32) -> [String] {
    [1, 2].compactMap { number in
      let path = "/proc/\(processID)/fd/\(number)"
      var target = [CChar](repeating: 0, count: Int(PATH_MAX))
      let count = readlink(path, &target, target.count)
      guard count > 0 else { return nil }
      return String(decoding: target[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
  }

  /// A path without links, as ``outputs(of:)`` has it; `nil` where nothing is there.
  package static func realPath(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }

  /// The entries of that environment, each `NAME=value`.
  package static func entries(of processID: Int32) -> Set<String> {
    let block = Self.environment(of: processID)
    return Set(block.split(separator: 0).map { String(decoding: $0, as: UTF8.self) })
  }

  /// Whether that environment holds all of `entries`, each `NAME=value`.
  package static func environment(of processID: Int32, contains entries: [String]) -> Bool {
    let found = Self.entries(of: processID)
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

/// One line of `/proc/<pid>/stat`. Source: proc(5).
package struct ProcessStat: Equatable, Sendable {
  /// A process and no later one of the same number, until the machine starts anew.
  package struct Identity: Codable, Hashable, LosslessStringConvertible, Sendable {
    package var processID: Int32
    /// In clock ticks after the start of the machine.
    package var startTicks: UInt64

    package init(processID: Int32, startTicks: UInt64) {
      self.processID = processID
      self.startTicks = startTicks
    }

    /// As ``description`` has it: the process and its start.
    package init?(_ text: String) {
      let words = text.split(separator: " ")
      guard words.count == 2, let id = Int32(words[0]), let start = UInt64(words[1]) else {
        return nil
      }
      self.init(processID: id, startTicks: start)
    }

    package var description: String { "\(self.processID) \(self.startTicks)" }
  }

  package var identity: Identity
  /// At most 15 bytes, and anything at all: parentheses, blanks, line feeds.
  package var name: String
  package var state: UInt8
  package var parentID: Int32
  package var groupID: Int32
  package var sessionID: Int32
  /// Of the processor, user and system, in clock ticks.
  package var processorTicks: UInt64

  /// It has ended, and only waits to be asked for its status.
  package var isGone: Bool { self.state == UInt8(ascii: "Z") || self.state == UInt8(ascii: "X") }

  /// A signal or a tracer has stopped it.
  package var isStopped: Bool { self.state == UInt8(ascii: "T") || self.state == UInt8(ascii: "t") }

  /// - Parameter bytes: The whole file; `nil` where it is not of this form.
  package init?(parsing bytes: [UInt8]) {
    // The name may hold a closing parenthesis; the last one ends it.
    guard let open = bytes.firstIndex(of: UInt8(ascii: "(")),
      let close = bytes.lastIndex(of: UInt8(ascii: ")")), open < close,
      let processID = Int32(String(decoding: bytes[..<open].dropLast(), as: UTF8.self))
    else { return nil }
    let fields = String(decoding: bytes[(close + 1)...], as: UTF8.self).split(separator: " ")
    // Field 3 comes first; 14 and 15 are the processor's time, 22 is the start.
    guard fields.count >= 20, fields[0].utf8.count == 1, let state = fields[0].utf8.first,
      let parentID = Int32(fields[1]), let groupID = Int32(fields[2]),
      let sessionID = Int32(fields[3]), let userTicks = UInt64(fields[11]),
      let systemTicks = UInt64(fields[12]), let startTicks = UInt64(fields[19])
    else { return nil }
    self.identity = Identity(processID: processID, startTicks: startTicks)
    self.name = String(decoding: bytes[(open + 1)..<close], as: UTF8.self)
    self.state = state
    self.parentID = parentID
    self.groupID = groupID
    self.sessionID = sessionID
    self.processorTicks = userTicks &+ systemTicks
  }
}
