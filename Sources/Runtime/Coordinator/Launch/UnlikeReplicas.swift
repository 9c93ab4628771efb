package import Fleet
import Health
import Launch

extension [ReplicaReport] {
  /// One warning for each service whose replicas serve, and were not started alike: vLLM's fingerprint
  /// has its version and a hash of its configuration, so that answers may differ where it differs.
  package func startedUnlike() -> [Diagnostic] {
    var warnings: [Diagnostic] = []
    let serving = self.filter { !$0.systemFingerprint.isEmpty }
    for service in Set(serving.map(\.key.service)).sorted() {
      let groups = Dictionary(
        grouping: serving.filter { $0.key.service == service }, by: \.systemFingerprint)
      guard groups.count > 1 else { continue }
      // What most have first.
      let ordered = groups.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
      warnings.append(
        Diagnostic(
          .warning, code: "started-unlike",
          "the replicas of `\(service)` were not started alike",
          causes: ordered.map { fingerprint, reports in
            let nodes = NodeSet(reports.map { NodeName($0.node) }).folded
            return "`\(fingerprint)` on \(nodes)"
          },
          hints: ["compare versions, arguments and variables: `muster check --nodes`"]))
    }
    return warnings
  }
}
