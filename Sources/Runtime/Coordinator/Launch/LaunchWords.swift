package import Fleet
import Health
import Launch
package import Plan
import Recipes

extension Diagnostic {
  /// Of a launch whose replicas stop by nobody's order here.
  package static let endedElsewhere = Diagnostic(
    code: "run-ended", "the run was ended by another command",
    hints: ["`muster up` starts it again"])

  static func failure(_ report: ReplicaReport) -> Diagnostic {
    Diagnostic(
      code: "replica-\(report.state.rawValue)",
      "\(report.node): `\(report.key)` is \(report.state.rawValue): \(report.reason)",
      causes: report.lastLogLines.map { "log: \($0)" },
      hints: KnownMistake.hints(in: report.lastLogLines + [report.reason])
        + (report.logPath.isEmpty ? [] : ["the whole log is `\(report.logPath)` on the node"]))
  }
}

extension Plan.Service {
  /// Whether a replica of it is ready, or, of a task, has ended well.
  package func isDone(_ report: ReplicaReport) -> Bool {
    report.state == .ready || report.state == .busy
      || report.state == .stopped && self.hasEndedWell(report)
  }

  func hasEndedWell(_ report: ReplicaReport) -> Bool {
    report.exitStatus == 0
      && self.replicas.first { $0.index == report.key.index }?.launch.isTask == true
  }
}
