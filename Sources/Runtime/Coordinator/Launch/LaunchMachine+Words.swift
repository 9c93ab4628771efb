import Fleet
import Health
import Launch
import Plan

/// Why a launch is aborted, in words.
extension LaunchMachine {
  static func failure(_ report: ReplicaReport) -> Diagnostic {
    Diagnostic(
      code: "replica-\(report.state.rawValue)",
      "\(report.node): `\(report.key)` is \(report.state.rawValue): \(report.reason)",
      causes: report.lastLogLines.map { "log: \($0)" },
      hints: report.logPath.isEmpty ? [] : ["the whole log is `\(report.logPath)` on the node"])
  }

  func missingNodes() -> [Diagnostic] {
    let missing = self.neededNodes.filter { !self.attachedNodes.contains($0) }
    let explained = missing.compactMap { self.faults[$0] }
    let silent = missing.filter { self.faults[$0] == nil }
    guard !silent.isEmpty else { return explained.folded() }
    let seconds = self.settings.attachTimeout.components.seconds
    return explained.folded() + [
      Diagnostic(
        code: "node-silent",
        "\(NodeSet(silent.map { NodeName($0) }).folded): no answer within \(seconds) s")
    ]
  }

  func lateness(of service: Plan.Service) -> Diagnostic {
    let late = service.replicas.filter { replica in
      let key = ReplicaKey(service: service.name, index: replica.index)
      return self.reports[key].map { $0.state != .ready && $0.state != .busy } ?? true
    }
    let causes = late.map { replica in
      let key = ReplicaKey(service: service.name, index: replica.index)
      let state =
        self.reports[key].map { report in
          report.state.rawValue + (report.reason.isEmpty ? "" : ": \(report.reason)")
        } ?? "never reported"
      let link = self.faults[replica.node].map { "; \($0.diagnostic.summary)" } ?? ""
      return "\(replica.node): `\(key)` is \(state)\(link)"
    }
    return Diagnostic(
      code: "service-late", "service `\(service.name)` was not ready in time", causes: causes)
  }
}
