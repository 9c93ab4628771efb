import Glibc
import OperatingSystem
import Synchronization

/// Shows that who listens where a replica is asked is the replica: whoever binds its port first would
/// get its key, and could make it ready.
///
/// A server that listens in a network of its own, or that another service of the machine starts, such
/// as `docker run`, is not seen to be the replica's: its port is not asked.
final class ListenerProof: Sendable {
  private let processes: ReplicaProcesses
  /// Where a socket was found last.
  private let known: Mutex<[ProcessStat.Identity]>

  init(_ processes: ReplicaProcesses) {
    self.processes = processes
    self.known = Mutex([processes.main])
  }

  /// The sockets to which a connection may come, each held by a process of the replica; empty: nobody
  /// listens. Several share a port where each has asked for that (`SO_REUSEPORT`). Blocks.
  ///
  /// - Parameter address: Of this machine, in digits.
  /// - Throws: `HTTPProbeError.stranger` where one of them is not.
  func sockets(at address: String, _ port: Int) throws(HTTPProbeError) -> Set<String> {
    let reached = ListeningPorts.reached(address, port, among: ListeningPorts.sockets())
    let sockets = Set(reached.map(\.link))
    if sockets.isEmpty { return [] }
    let known = self.known.withLock { $0 }.filter(ProcessTable.isAlive)
    if sockets.isSubset(of: Self.sockets(of: known)) { return sockets }
    let holders = self.owned().filter { !Self.sockets(of: [$0]).isDisjoint(with: sockets) }
    self.known.withLock { $0 = holders }
    let ours = Self.sockets(of: holders)
    guard let stranger = reached.first(where: { !ours.contains($0.link) }) else {
      return sockets
    }
    throw .stranger(Self.words(for: stranger))
  }

  /// All that are the replica's. What only its environment tells of is believed of our own user's:
  /// anybody may give a process of theirs these variables.
  private func owned() -> [ProcessStat.Identity] {
    self.processes.owned(of: ProcessTable.all()) { processID in
      ProcessTable.isOfOwnUser(processID)
        && ProcessTable.environment(of: processID, contains: self.processes.marks)
    }.map(\.identity)
  }

  /// What the descriptors of processes lead to; those of other users may not be read.
  private static func sockets(of processes: [ProcessStat.Identity]) -> Set<String> {
    Set(processes.flatMap { ProcessTable.descriptors(of: $0.processID) })
  }

  private static func words(for socket: ListeningPorts.Socket) -> String {
    if let owner = PortQuestion.owners(of: [socket.link: socket.port])[socket.port] {
      return "process \(owner.processID) (\(ProcessTable.stat(of: owner.processID)?.name ?? "?"))"
    }
    return "a process of user \(socket.user.map(String.init) ?? "?"), which cannot be seen"
  }
}

/// Asks a ``ListenerProof`` before something is sent to a port.
struct AskedListener: Sendable {
  let proof: ListenerProof
  let blocking: BlockingCalls

  func sockets(at address: String, _ port: Int) async throws -> Set<String> {
    try await self.blocking.run { try self.proof.sockets(at: address, port) }
  }

  /// Once a connection stands: it is with one of those that listened before, if all of them do so still.
  func confirm(_ sockets: Set<String>, at address: String, _ port: Int) async throws {
    let now = try await self.sockets(at: address, port)
    guard !sockets.isEmpty, now == sockets else { throw HTTPProbeError.stranger("") }
  }
}
