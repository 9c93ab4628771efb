import Glibc
import NodeAPI
import SwiftProtobuf

/// Who listens on the ports that the plan needs. Blocks.
struct PortQuestion: Sendable {
  let ports: [Int]
  /// The run whose processes may listen.
  let run: String

  func answer() -> [Muster_V1_PortFacts] {
    var sockets: [String: Int] = [:]
    for socket in ListeningPorts.sockets() where self.ports.contains(socket.port) {
      sockets["socket:[\(socket.inode)]"] = socket.port
    }
    var owners: [Int: ProcessStat.Identity] = [:]
    if !sockets.isEmpty { Self.findOwners(of: sockets, into: &owners) }
    return Set(sockets.values).sorted().map { port in
      .with {
        $0.port = UInt32(port)
        guard let owner = owners[port] else { return }
        $0.processID = Int64(owner.processID)
        $0.program = ProcessTable.stat(of: owner.processID)?.name ?? ""
        $0.ours = RunMark.isOurs(owner.processID, run: self.run)
      }
    }
  }

  /// Of other users' processes only root may see the descriptors. The oldest process that has a
  /// socket is its owner: the others inherited it.
  private static func findOwners(
    of sockets: [String: Int], into owners: inout [Int: ProcessStat.Identity]
  ) {
    for name in (try? PlainFile.names(in: "/proc")) ?? [] {
      guard let processID = Int32(name) else { continue }
      for file in (try? PlainFile.names(in: "/proc/\(name)/fd")) ?? [] {
        var target = [UInt8](repeating: 0, count: 64)
        let count = target.withUnsafeMutableBytes { buffer in
          guard let start = buffer.bindMemory(to: CChar.self).baseAddress else { return -1 }
          return readlink("/proc/\(name)/fd/\(file)", start, buffer.count)
        }
        guard count > 0 else { continue }
        let link = String(decoding: target[..<count], as: UTF8.self)
        guard let port = sockets[link], let process = ProcessTable.stat(of: processID)?.identity
        else { continue }
        if let owner = owners[port], owner.startTicks <= process.startTicks { continue }
        owners[port] = process
      }
    }
  }
}

/// Tells the processes of a run, on whichever of its nodes: several may be on one machine.
enum RunMark {
  /// False where the process's environment may not be read.
  static func isOurs(_ processID: Int32, run: String) -> Bool {
    let path = "/proc/\(processID)/environ"
    guard let bytes = try? PlainFile.read(path, sizeMax: EnvironmentBlock.sizeMax) else {
      return false
    }
    return bytes.split(separator: 0).contains { $0.starts(with: "MUSTER_RUN=\(run)/".utf8) }
  }
}
