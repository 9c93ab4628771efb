import Fleet
import KVCacheSimulator
import Launch
import Manifest
import Recipes

/// A plan as people read it: what every node will get, folded where nodes agree.
package enum PlanTable {
  /// - Parameters:
  ///   - hash: Of the plan; its first 12 digits are shown.
  ///   - notes: One sentence each, last.
  /// - Returns: Lines, each ended by a line feed.
  package static func text(_ plan: Plan, hash: String, notes: [String] = []) -> String {
    var text = "plan \(plan.name)  \(hash.prefix(12))\n"
    text += "nodes  \(Self.fold(plan.nodes.map(\.name)))  \(plan.nodes.count)\n"
    for (link, nodes) in plan.nodes.grouped(by: Self.spoken) {
      text += "  \(Self.fold(nodes.map(\.name)))  \(link)\n"
    }
    for service in plan.services {
      text += Self.text(of: service)
    }
    if let work = plan.work {
      let simulator = work.simulator
      text += "\nwork  policy \(simulator.policy), \(work.exampleCount) examples"
      text += " × \(work.rolloutsPerExample), difficulty \(simulator.difficulty)"
      text += ", seed \(simulator.seed), \(work.shardCount) shards"
      text += work.nodes.isEmpty ? "\n" : ", on \(Self.fold(work.nodes))\n"
    }
    for note in notes { text += "\nnote: \(note)\n" }
    return text
  }

  private static func text(of service: Plan.Service) -> String {
    let nodes = Self.fold(service.replicas.map(\.node))
    let count = service.replicas.count
    var text = "\nservice \(service.name)  \(service.recipe)  "
    text += "\(count) \(count == 1 ? "replica" : "replicas") on \(nodes)\n"
    if !service.after.isEmpty { text += "  after \(service.after.joined(separator: ", "))\n" }
    for (launch, replicas) in service.replicas.grouped(by: \.launch) {
      text += "  \(Self.fold(replicas.map(\.node)))\n"
      for (title, lines) in Self.rows(of: launch) {
        for (index, line) in lines.enumerated() {
          let head = index == 0 ? title : ""
          text += "    \(head)\(String(repeating: " ", count: 9 - head.count))\(line)\n"
        }
      }
    }
    return text
  }

  private static func rows(of launch: LaunchSpecification) -> [(title: String, lines: [String])] {
    [
      ("role", launch.role.map { [$0] } ?? []),
      ("argv", [ShellQuoting.join(launch.argv)]),
      ("folder", launch.folder.isEmpty ? [] : [launch.folder]),
      ("ready", [Self.readiness(of: launch)]),
      (
        "ports", launch.ports.isEmpty ? [] : [launch.ports.map(String.init).joined(separator: ", ")]
      ),
      ("env", launch.environment.map { "\($0.name)=\(ShellQuoting.quote($0.value))" }),
      ("secrets", launch.secrets),
      ("makes", launch.folders),
      ("cores", launch.cores.map { ["part \($0.index + 1) of \($0.count)"] } ?? []),
      ("metrics", launch.metrics.map { ["port \($0.port) \($0.path)"] } ?? []),
      ("restart", launch.restartCountMax.map { ["on failure, \($0) times an hour"] } ?? []),
      ("files", ["env.sh", "launch.sh"]),
    ]
  }

  private static func readiness(of launch: LaunchSpecification) -> String {
    let what =
      switch launch.readiness {
      case .probe(.http(let port, let path)): "GET \(path) on port \(port)"
      case .probe(.tcp(let port)): "port \(port) accepts"
      case .probe(.log(let mark)): "the log has \(ShellQuoting.quote(mark))"
      case .probe(.exec(let argv)): ShellQuoting.join(argv)
      case .canary(let server): "a completion by \(server.model) on port \(server.port)"
      case .life: launch.isTask ? "a task: ends with status 0" : "alive for 2 s, unproven"
      }
    return "\(what), within \(launch.readyTimeoutSeconds) s"
  }

  /// How a node is reached; a host that is the node's own name reads `{node}`.
  private static func spoken(_ node: Plan.Node) -> String {
    switch node.link {
    case .local: return "local"
    case .command(let argv):
      return "command  \(ShellQuoting.join(argv))"
    case .ssh(let settings):
      let host = settings.host == node.name ? "{node}" : settings.host
      return "ssh  \(settings.user)@\(host):\(settings.port)"
        + "  key \(settings.identityFiles.joined(separator: ", "))"
        + "  known_hosts \(settings.knownHostsFiles.joined(separator: ", "))"
        + (settings.unknownHosts == .acceptNew ? "  accept-new" : "")
    }
  }

  private static func fold(_ names: [String]) -> String {
    NodeSet(names.map(NodeName.init)).folded
  }
}
