import Fleet
import Glibc
import Health
import Launch
import NodeAPI

/// Everything it takes to launch one attempt. Blocks; called from a thread that may.
struct ReplicaLaunch: Sendable {
  /// A holder has only to start one program; this is for a machine under heavy load.
  private static let timeoutMilliseconds: CInt = 30_000

  let specification: LaunchSpecification
  let folder: ReplicaFolder
  let attempt: Int
  /// Of the process, complete.
  let environment: [String: String]

  /// `~` is the home folder, as is an empty path.
  private var workingFolder: String {
    let home = self.environment["HOME"] ?? "/"
    let folder = self.specification.folder
    if folder.isEmpty { return home }
    return folder.hasPrefix("~") ? home + folder.dropFirst() : folder
  }

  /// A server that is there already would answer the probes in the place of ours: a model server of
  /// the same model would make it ready.
  private func checkPorts() throws(NodeAgentError) {
    let taken = PortQuestion(ports: self.specification.ports, run: "").answer()
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
    for path in self.specification.folders { try PlainFile.makeFolders(path) }
    let record = self.folder.record(ofAttempt: self.attempt)
    try self.folder.prepareLog(ofAttempt: self.attempt)
    unlink(record)
    let order = HolderOrder(
      record: record, log: self.folder.log(ofAttempt: self.attempt),
      folder: self.workingFolder, argv: self.specification.argv, cores: self.specification.cores)
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
