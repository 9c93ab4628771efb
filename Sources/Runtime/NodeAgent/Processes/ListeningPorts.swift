import Glibc
import Health
import Launch
import OperatingSystem

/// The TCP ports of this machine on which someone listens. Source: proc(5), `/proc/net/tcp`.
enum ListeningPorts {
  struct Socket: Equatable, Sendable {
    /// Four bytes or sixteen, as on the wire.
    var address: [UInt8]
    var port: Int
    /// Empty where it is unknown.
    var inode: String
    /// The user who made it.
    var user: uid_t?

    /// Where a descriptor of it leads to in `/proc`.
    var link: String { "socket:[\(self.inode)]" }
  }

  /// Of IPv4 and IPv6. Blocks.
  static func sockets() -> [Socket] {
    ["/proc/self/net/tcp", "/proc/self/net/tcp6"].flatMap { path in
      // A machine without IPv6 has no second file.
      (try? PlainFile.read(path, sizeMax: 16 << 20)).map { Self.parse($0) } ?? []
    }
  }

  /// Lines as `0: 0100007F:1F90 00000000:0000 0A …`; state 0A is LISTEN, the eighth field the user,
  /// the tenth the inode.
  static func parse(_ bytes: [UInt8]) -> [Socket] {
    bytes.split(separator: UInt8(ascii: "\n")).dropFirst().compactMap { line in
      let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 10)
      guard fields.count >= 4, fields[3].elementsEqual("0A".utf8),
        let colon = fields[1].lastIndex(of: UInt8(ascii: ":")),
        let port = Int(String(decoding: fields[1][(colon + 1)...], as: UTF8.self), radix: 16)
      else { return nil }
      return Socket(
        address: Self.address(String(decoding: fields[1][..<colon], as: UTF8.self)), port: port,
        inode: fields.count > 9 ? String(decoding: fields[9], as: UTF8.self) : "",
        user: fields.count > 7 ? uid_t(String(decoding: fields[7], as: UTF8.self)) : nil)
    }
  }

  /// Words of eight digits, each with its bytes as this machine has them in memory.
  private static func address(_ digits: String) -> [UInt8] {
    var rest = Substring(digits)
    var bytes: [UInt8] = []
    while let word = UInt32(rest.prefix(8), radix: 16) {
      withUnsafeBytes(of: word) { bytes += $0 }
      rest = rest.dropFirst(8)
    }
    return bytes
  }

  /// Those of a port that a connection to an address of this machine may come to: the kernel prefers
  /// the address itself to all addresses, and all of IPv4 to all of IPv6. Source: `inet_lookup_listener`.
  ///
  /// - Parameter address: In digits.
  static func reached(_ address: String, _ port: Int, among sockets: [Socket]) -> [Socket] {
    let there = sockets.filter { $0.port == port }
    var wanted = [UInt8](repeating: 0, count: 4)
    let isFour = inet_pton(AF_INET, address, &wanted) == 1
    if !isFour {
      wanted = [UInt8](repeating: 0, count: 16)
      inet_pton(AF_INET6, address, &wanted)
    }
    let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF] + wanted
    let exact = there.filter { $0.address == wanted || isFour && $0.address == mapped }
    if !exact.isEmpty { return exact }
    let all = there.filter { $0.address.allSatisfy { $0 == 0 } }
    let ofFour = all.filter { $0.address.count == 4 }
    if isFour, !ofFour.isEmpty { return ofFour }
    return all.filter { $0.address.count == 16 }
  }
}

/// Who listens on the ports that the plan needs. Blocks.
struct PortQuestion: Sendable {
  let ports: [Int]
  /// The run whose processes may listen.
  let run: String

  func answer() -> [PreflightFacts.Port] {
    var sockets: [String: Int] = [:]
    for socket in ListeningPorts.sockets() where self.ports.contains(socket.port) {
      sockets[socket.link] = socket.port
    }
    let owners = sockets.isEmpty ? [:] : Self.owners(of: sockets)
    return Set(sockets.values).sorted().map { port in
      guard let owner = owners[port]?.processID else { return .init(port: port) }
      return .init(
        port: port, processID: Int(owner), program: ProcessTable.stat(of: owner)?.name ?? "",
        isOurs: RunMark.isOurs(owner, run: self.run))
    }
  }

  /// Of other users' processes only root may see the descriptors. The oldest process that has a
  /// socket is its owner: the others inherited it.
  ///
  /// - Parameter sockets: The port of each, by ``ListeningPorts/Socket/link``.
  static func owners(of sockets: [String: Int]) -> [Int: ProcessStat.Identity] {
    var owners: [Int: ProcessStat.Identity] = [:]
    for name in (try? PlainFile.names(in: "/proc")) ?? [] {
      guard let processID = Int32(name) else { continue }
      for link in ProcessTable.descriptors(of: processID) {
        guard let port = sockets[link], let process = ProcessTable.stat(of: processID)?.identity
        else { continue }
        if let owner = owners[port], owner.startTicks <= process.startTicks { continue }
        owners[port] = process
      }
    }
    return owners
  }
}

/// Tells the processes of a run, on whichever of its nodes: several may be on one machine.
enum RunMark {
  /// False where the process's environment may not be read.
  static func isOurs(_ processID: Int32, run: String) -> Bool {
    ProcessTable.environment(of: processID).split(separator: 0)
      .contains { $0.starts(with: "\(ReplicaProcesses.runVariable)=\(run)/".utf8) }
  }
}

/// Tells whose the ports are that a replica had, once its processes are gone.
enum TakenPorts {
  /// Blocks for as long as `/proc` takes.
  ///
  /// - Parameter mark: `NAME=value` of the variable that all processes of the run on this node have.
  static func remains(_ ports: [Int], mark: String) -> ReplicaRemains {
    var remains = ReplicaRemains()
    let sockets = ListeningPorts.sockets()
    // Of which run their processes are is asked below.
    for taken in PortQuestion(ports: ports, run: "").answer() {
      let port = taken.port
      let process = Int32(truncatingIfNeeded: taken.processID)
      let name = "process \(process) (\(taken.program))"
      if process == 0 {
        // The descriptors of another user's processes are hidden; those of ours are not, as a rule.
        if let user = sockets.last(where: { $0.port == port })?.user, user != geteuid() {
          remains.foreign.append("port \(port) is now that of a process of user \(user)")
        } else {
          remains.leftovers.append("port \(port) is taken still, by a process that cannot be seen")
        }
      } else if ProcessTable.environment(of: process, contains: [mark]) {
        remains.leftovers.append("port \(port) is held by \(name) of this run")
      } else {
        remains.foreign.append(
          "port \(port) is now that of \(name), which this run did not start")
      }
    }
    return remains
  }
}
