import Glibc

/// Finds a run on this node by the name of its plan: for a coordinator that has no folder of it.
enum NewestRun {
  /// Runs that are looked at, the newest first: those before are long over.
  private static let runCountMax = 256

  /// The newest run with replicas whose daemon answers, or of which a process is left.
  static func find(
    named name: String, node: String, environment: [String: String]
  ) -> AgentIdentity? {
    guard let any = try? AgentIdentity(run: "x", node: node),
      let example = try? StateFolder(for: any, environment: environment)
    else { return nil }
    let root = String(example.path.dropLast("/x/\(node)".count))
    // Names of runs sort as their times do.
    let runs = ((try? PlainFile.names(in: root)) ?? []).sorted(by: >)
    for run in runs.prefix(Self.runCountMax) {
      guard let identity = try? AgentIdentity(run: run, node: node),
        let state = try? StateFolder(for: identity, environment: environment),
        Self.planName(in: state) == name, Self.isLive(identity, in: state)
      else { continue }
      return identity
    }
    return nil
  }

  private static func planName(in state: StateFolder) -> String? {
    guard let plan = try? PlainFile.read(state.plan, sizeMax: NodeLimits.planSizeMax) else {
      return nil
    }
    return JSONValue(parsing: plan)?["name"]?.string
  }

  private static func isLive(_ identity: AgentIdentity, in state: StateFolder) -> Bool {
    // An eval has none, and is not what is looked for.
    let replicas = FormerReplica.all(in: state)
    if replicas.isEmpty { return false }
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
}
