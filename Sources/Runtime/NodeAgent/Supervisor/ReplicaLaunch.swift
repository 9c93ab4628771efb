import Fleet
import Glibc
import Health
import NodeAPI

/// Everything it takes to launch one attempt. Blocks; called from a thread that may.
struct ReplicaLaunch: Sendable {
  /// A holder has only to start one program; this is for a machine under heavy load.
  private static let timeoutMilliseconds: CInt = 30_000

  let spec: Muster_V1_ReplicaSpec
  let folder: ReplicaFolder
  let attempt: Int
  /// Of the process, complete.
  let environment: [String: String]

  /// `~` is the home folder, as is an empty path.
  private var workingFolder: String {
    let home = self.environment["HOME"] ?? "/"
    if self.spec.folder.isEmpty { return home }
    return self.spec.folder.hasPrefix("~") ? home + self.spec.folder.dropFirst() : self.spec.folder
  }

  /// A server that is there already would answer the probes in the place of ours: a model server of
  /// the same model would make it ready.
  private func checkPorts() throws(NodeAgentError) {
    let taken = PortQuestion(ports: self.spec.ports.map(Int.init), run: "").answer()
    guard let port = taken.first else { return }
    let owner = port.program.isEmpty ? "another process" : "`\(port.program)`"
    throw .portTaken(
      Int(port.port), by: port.processID > 0 ? "\(owner), pid \(port.processID)" : owner)
  }

  /// - Returns: The record of the process.
  /// - Throws: The exact reason why there is none.
  func launch() throws(NodeAgentError) -> ProcessRecord.Start {
    try self.checkPorts()
    try PlainFile.makeFolders(self.folder.path)
    for path in self.spec.folders { try PlainFile.makeFolders(path) }
    let record = self.folder.record(ofAttempt: self.attempt)
    try self.folder.prepareLog(ofAttempt: self.attempt)
    unlink(record)
    let order = HolderOrder(
      record: record, log: self.folder.log(ofAttempt: self.attempt),
      folder: self.workingFolder, argv: self.spec.argv,
      cores: self.spec.hasCores
        ? .init(index: Int(self.spec.cores.index), count: Int(self.spec.cores.count)) : nil)
    let child = ChildProcess(
      program: "/proc/self/exe", argv: ["muster-node"] + order.arguments,
      environment: self.environment)
    var ready = try ReadyPipe()
    let holder = try ready.spawn(child)
    ready.wait(milliseconds: Self.timeoutMilliseconds)
    switch ProcessRecord.read(at: record)?.content {
    case .launched(let start, _): return start
    case .launchFailed(let reason):
      waitpid(holder, nil, 0)
      throw .launchFailed(reason)
    case nil:
      // It could not even write its record, or hangs: nothing of it may start later.
      kill(holder, SIGKILL)
      waitpid(holder, nil, 0)
      throw .launchFailed("its holder ended without a record at \(record)")
    }
  }
}
