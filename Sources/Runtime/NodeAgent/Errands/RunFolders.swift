import Fleet
import Glibc
import NodeAPI
import OperatingSystem
import RecordFiles
import SwiftProtobuf

/// What this node keeps of runs: their state folders. All of it blocks.
struct RunFolders: Sendable {
  /// The newest are told: those before are long over.
  private static let runCountMax = 4096

  /// All that is read of a plan.
  private struct PlanName: Decodable {
    var name: String
  }

  private let node: String
  private let environment: [String: String]
  /// Of all runs and nodes.
  private let root: String

  /// - Throws: `NodeAgentError.usage` where the environment names no home.
  init(node: String, environment: [String: String]) throws(NodeAgentError) {
    self.node = node
    self.environment = environment
    let example = try StateFolder(
      for: try AgentIdentity(run: "x", node: node), environment: environment)
    self.root = PlainFile.folder(of: PlainFile.folder(of: example.path))
  }

  /// Newest first: names of runs sort as their times do.
  func all(matching request: Muster_V1_RunsRequest) -> [Muster_V1_RunFacts] {
    let marks = ReplicaProcesses.runMarks()
    var found: [Muster_V1_RunFacts] = []
    for run in ((try? PlainFile.names(in: self.root)) ?? []).sorted(by: >) {
      guard let identity = try? AgentIdentity(run: run, node: self.node),
        let state = try? StateFolder(for: identity, environment: self.environment),
        let changed = Self.changedMilliseconds(state)
      else { continue }
      let plan = (try? PlainFile.read(state.plan, sizeMax: NodeLimits.planSizeMax)) ?? []
      let name = (try? CanonicalJSON.value(PlanName.self, from: plan))?.name ?? ""
      // One without a plan may be anybody's; one whose plan cannot be read is somebody's.
      guard ["", name].contains(request.name) || plan.isEmpty else { continue }
      let replicas = FormerReplica.all(in: state)
      found.append(
        .with {
          $0.run = run
          $0.name = name
          $0.live = Self.isLive(identity, replicas, marks)
          $0.services = FormerReplica.isAny(in: state)
          $0.holder = state.readHolder()?.coordinator ?? ""
          $0.changedMilliseconds = changed
          $0.records = !SpoolFolder(path: state.spool).isEmpty
          if request.sizes { $0.sizeBytes = UInt64(FolderTree.size(of: state.path)) }
        })
      if found.count == Self.runCountMax { break }
    }
    return found
  }

  /// What all of them take on the disk, in bytes.
  var size: Int {
    ((try? PlainFile.names(in: self.root)) ?? []).reduce(0) { size, run in
      size + FolderTree.size(of: "\(self.root)/\(run)/\(self.node)")
    }
  }

  /// Removes what is left of runs that are over; no daemon of one can start meanwhile.
  ///
  /// - Parameter request: Only what has the form of a run's id is removed.
  func remove(_ request: Muster_V1_RemoveRunsRequest) -> [Muster_V1_RemovedRun] {
    let marks = ReplicaProcesses.runMarks()
    let merged = Set(request.merged)
    return request.runs.map { self.remove($0, marks, isMerged: merged.contains($0)) }
  }

  private func remove(
    _ name: String, _ marks: Set<String>, isMerged: Bool
  ) -> Muster_V1_RemovedRun {
    var answer = Muster_V1_RemovedRun.with { $0.run = name }
    guard let run = RunID(name),
      let identity = try? AgentIdentity(run: run.rawValue, node: self.node),
      let state = try? StateFolder(for: identity, environment: self.environment)
    else {
      answer.refusal = "`\(name)` is no run's id"
      return answer
    }
    do {
      let folder = try RuntimeFolder.make(for: identity)
      let lock = try folder.openLock()
      defer { close(lock) }
      guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
        answer.refusal = "it is being started"
        return answer
      }
      if Self.isLive(identity, FormerReplica.all(in: state), marks) {
        answer.refusal = "it is live"
        return answer
      }
      if isMerged || SpoolFolder(path: state.spool).isEmpty {
        let folder = "\(self.root)/\(run)"
        answer.sizeBytes = UInt64(try FolderTree.remove(self.node, in: folder))
        // That of the run, once no other node has anything in it.
        rmdir(folder)
      } else {
        answer.refusal = "records of it have not been fetched"
      }
      folder.remove()
    } catch {
      answer.refusal = "\(error)"
    }
    return answer
  }

  /// - Parameter marks: Of all processes of runs: some may outlive daemon, holder and main process,
  ///   and a daemon its folder.
  private static func isLive(
    _ identity: AgentIdentity, _ replicas: [FormerReplica], _ marks: Set<String>
  ) -> Bool {
    if marks.contains(identity.mark) { return true }
    // One that was started since.
    if RuntimeFolder.places(of: identity).contains(where: \.isHeld) { return true }
    return replicas.contains { replica in
      guard case .runs(let start) = replica.fate else { return false }
      return ProcessTable.isAlive(start.main) || ProcessTable.isAlive(start.holder)
    }
  }

  /// `nil`: there is no such folder.
  private static func changedMilliseconds(_ state: StateFolder) -> Int64? {
    let statuses = [state.path, state.plan, state.holder, state.events].map { path in
      var status = stat()
      return lstat(path, &status) == 0 ? status : nil
    }
    guard let folder = statuses[0], folder.st_mode & S_IFMT == S_IFDIR else { return nil }
    return statuses.compactMap { status in
      status.map { Int64($0.st_mtim.tv_sec) * 1000 + Int64($0.st_mtim.tv_nsec) / 1_000_000 }
    }.max()
  }
}
