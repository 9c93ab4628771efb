import Glibc
import NodeAPI
import RecordFiles
import SwiftProtobuf

/// What this node keeps of runs: their state folders. All of it blocks.
struct RunFolders: Sendable {
  /// The newest are told: those before are long over.
  private static let runCountMax = 4096

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
    self.root = String(example.path.dropLast("/x/\(node)".count))
  }

  /// Newest first: names of runs sort as their times do.
  func all(matching request: Muster_V1_RunsRequest) -> [Muster_V1_RunFacts] {
    var found: [Muster_V1_RunFacts] = []
    for run in ((try? PlainFile.names(in: self.root)) ?? []).sorted(by: >) {
      guard let identity = try? AgentIdentity(run: run, node: self.node),
        let state = try? StateFolder(for: identity, environment: self.environment),
        let changed = Self.changedMilliseconds(state)
      else { continue }
      let name = Self.planName(in: state)
      guard request.name.isEmpty || request.name == name else { continue }
      let replicas = FormerReplica.all(in: state)
      found.append(
        .with {
          $0.run = run
          $0.name = name
          $0.live = Self.isLive(identity, replicas)
          $0.services = !replicas.isEmpty
          $0.holder = state.readHolder()?.coordinator ?? ""
          $0.changedMilliseconds = changed
          if request.sizes { $0.sizeBytes = UInt64(FolderTree.size(of: state.path)) }
        })
      if found.count == Self.runCountMax { break }
    }
    return found
  }

  private static func planName(in state: StateFolder) -> String {
    let plan = (try? PlainFile.read(state.plan, sizeMax: NodeLimits.planSizeMax)) ?? []
    return JSONValue(parsing: plan)?["name"]?.string ?? ""
  }

  private static func isLive(_ identity: AgentIdentity, _ replicas: [FormerReplica]) -> Bool {
    for folder in RuntimeFolder.places(of: identity) {
      if let socket = try? DaemonSocket.connect(to: folder.socket) {
        close(socket)
        return true
      }
    }
    return replicas.contains { replica in
      guard case .runs(let start, _) = replica.fate else { return false }
      return ProcessTable.isAlive(start.main) || ProcessTable.isAlive(start.holder)
    }
  }

  /// `nil`: there is no such folder.
  private static func changedMilliseconds(_ state: StateFolder) -> Int64? {
    guard let folder = Self.status(of: state.path), folder.st_mode & S_IFMT == S_IFDIR else {
      return nil
    }
    return [state.plan, state.holder, state.events].compactMap(Self.status).reduce(
      Self.milliseconds(folder)
    ) { max($0, Self.milliseconds($1)) }
  }

  private static func status(of path: String) -> stat? {
    var status = stat()
    return lstat(path, &status) == 0 ? status : nil
  }

  private static func milliseconds(_ status: stat) -> Int64 {
    Int64(status.st_mtim.tv_sec) * 1000 + Int64(status.st_mtim.tv_nsec) / 1_000_000
  }
}
