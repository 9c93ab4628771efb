package import Coordinator
import Fleet
package import Launch
package import Plan

extension FleetContext {
  /// The run that is up, held: nothing else begins or ends anything of it from this machine meanwhile.
  /// Says so where the manifest is no longer that of the run.
  ///
  /// - Throws: `RunFault` when there is none, another process is at it, or only its nodes know the plan
  ///   that it has.
  package func liveRunForRestart() async throws(RunFault) -> LiveRun {
    let run = try await self.liveRun()
    try run.requireJournal()
    try run.hold()
    let differences = try RunFault.storing { try self.plan.differences(from: run.plan) }
    if !differences.isEmpty {
      // A node's word is not to decide what the others execute, and which secrets they get.
      guard !run.isAdopted || self.plan.starts(asIn: run.plan) else {
        throw RunFault(
          .request,
          Diagnostic(
            code: "other-plan",
            "run \(run.id) was found on its nodes, and what they say of its plan is not this manifest's",
            causes: differences,
            hints: [
              "restart it with the manifest that it was begun with, or from the machine that began it"
            ]))
      }
      self.surroundings.tell(
        Diagnostic(
          .warning, code: "other-plan",
          "the manifest is not that of run \(run.id): what is restarted is as it was",
          causes: differences, hints: ["`muster down` and `muster up` take the new one"]))
    }
    return run
  }
}

extension Plan {
  /// Whether both execute the same, and hand the same secrets over.
  fileprivate func starts(asIn other: Plan) -> Bool {
    self.services == other.services && self.secrets == other.secrets
  }
}

extension RunEnding {
  /// Of replicas that were stopped to be started anew.
  package init(restarting stopped: NodeAnswers<NodeRemains>) {
    self.faults = stopped.faults
    for (node, remains) in stopped.answers where !remains.leftovers.isEmpty {
      self.leftovers.append(
        Diagnostic(
          code: "left-behind", "\(node.name): not everything is gone, and nothing is started",
          causes: remains.leftovers, hints: ["run `muster restart` again"]))
    }
  }
}

extension Plan {
  /// The replicas that somebody names: those of a service, one as SERVICE/INDEX, or all on a set of nodes.
  ///
  /// - Throws: `RunFault` with what there is.
  package func replicas(named text: String) throws(RunFault) -> Set<ReplicaKey> {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
      .map(String.init)
    if let service = self.services.first(where: { $0.name == parts.first }) {
      let wanted = service.replicas.filter { parts.count == 1 || "\($0.index)" == parts[1] }
      guard !wanted.isEmpty else {
        throw Self.unknown(
          "service `\(service.name)` has no replica `\(parts.last ?? "")`",
          "its replicas are 0 to \(service.replicas.count - 1)")
      }
      return Set(wanted.map { ReplicaKey(service: service.name, index: $0.index) })
    }
    let services = self.services.map { "`\($0.name)`" }.joined(separator: ", ")
    let nodes = NodeSet(self.nodes.map { NodeName($0.name) }).folded
    let hint = "its services are \(services), its nodes \(nodes)"
    guard let named = try? NodeSet(parsing: text), !named.isEmpty else {
      throw Self.unknown(
        "`\(text)` is neither a service, nor a replica, nor nodes of this run", hint)
    }
    let names = Set(named.names.map(\.rawValue))
    let unknown = names.subtracting(self.nodes.map(\.name))
    guard unknown.isEmpty else {
      let folded = NodeSet(unknown.map { NodeName($0) }).folded
      throw Self.unknown("`\(folded)` is neither a service nor a node of this run", hint)
    }
    let found = self.services.flatMap { service in
      service.replicas.filter { names.contains($0.node) }
        .map { ReplicaKey(service: service.name, index: $0.index) }
    }
    guard !found.isEmpty else { throw Self.unknown("nothing of this run is on `\(text)`", hint) }
    return Set(found)
  }

  private static func unknown(_ summary: String, _ hint: String) -> RunFault {
    RunFault(.request, Diagnostic(code: "unknown-replica", summary, hints: [hint]))
  }
}
