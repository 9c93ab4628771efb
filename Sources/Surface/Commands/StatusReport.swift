import Coordinator
import Fleet
import Health
import Launch
import Plan
import Terminal

/// What `muster status` says: the state of every planned replica, nodes that do not answer beside
/// their last word.
struct StatusReport {
  struct Row: Equatable {
    var service: String
    var index: Int
    var node: String
    /// The state's name, `unreachable`, or `not started`.
    var state: String
    var reason: String
    var processID: Int64
    var attempt: Int
    var isUnproven: Bool
  }

  let rows: [Row]
  let faults: [NodeFault]
  /// Of what is well by itself, and not together.
  let warnings: [Diagnostic]

  init(plan: Plan, _ survey: [(node: Plan.Node, result: Result<NodeSurvey, NodeFault>)]) {
    var reports: [ReplicaKey: ReplicaReport] = [:]
    var faults: [NodeFault] = []
    for (_, result) in survey {
      switch result {
      case .success(let answer):
        for report in answer.reports { reports[report.key] = report }
      case .failure(let fault):
        faults.append(fault)
      }
    }
    self.warnings = reports.values.map { $0 }.startedUnlike()
    let silent = Set(faults.map(\.node))
    self.faults = faults
    self.rows = plan.services.flatMap { service in
      service.replicas.map { replica in
        let report = reports[ReplicaKey(service: service.name, index: replica.index)]
        return Row(
          service: service.name, index: replica.index, node: replica.node,
          state: report?.state.rawValue
            ?? (silent.contains(replica.node) ? "unreachable" : "not started"),
          reason: report?.reason ?? "", processID: report?.processID ?? 0,
          attempt: report?.attempt ?? 0, isUnproven: report?.isUnproven ?? false)
      }
    }
  }

  /// 0 all ready; 1 a service failed; 2 nodes unreachable; 3 anything between.
  var exitStatus: Int32 {
    if self.rows.contains(where: { $0.state == "failed" }) { return 1 }
    if !self.faults.isEmpty { return 2 }
    let isWell = self.rows.allSatisfy { ["ready", "busy"].contains($0.state) }
    return isWell ? 0 : 3
  }

  /// Equal states of a service in one line, their nodes folded.
  var table: String {
    var groups: [(row: Row, nodes: [NodeName], count: Int)] = []
    for row in self.rows {
      let isAlike = { (other: Row) in
        other.service == row.service && other.state == row.state && other.reason == row.reason
          && other.isUnproven == row.isUnproven
      }
      if let index = groups.firstIndex(where: { isAlike($0.row) }) {
        groups[index].nodes.append(NodeName(row.node))
        groups[index].count += 1
      } else {
        groups.append((row, [NodeName(row.node)], 1))
      }
    }
    var table = Table(columns: ["SERVICE", "STATE", "REPLICAS", "NODES", "REASON"])
    for group in groups {
      let state = group.row.isUnproven ? "\(group.row.state) (unproven)" : group.row.state
      table.append([
        group.row.service, state, "\(group.count)", NodeSet(group.nodes).folded, group.row.reason,
      ])
    }
    return table.rendered()
  }
}
