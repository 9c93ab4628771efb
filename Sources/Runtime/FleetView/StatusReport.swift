package import Coordinator
package import Fleet
import Health
import Launch
package import Plan

/// What `muster status` says: the state of every planned replica, nodes that do not answer beside
/// their last word.
package struct StatusReport: Sendable {
  package struct Row: Equatable, Sendable {
    package var service: String
    package var index: Int
    package var node: String
    /// The state's name, `unreachable`, or `not started`.
    package var state: String
    package var reason: String
    package var processID: Int64
    package var attempt: Int
    package var isUnproven: Bool
  }

  package let rows: [Row]
  package let faults: [NodeFault]
  /// Of what is well by itself, and not together.
  package let warnings: [Diagnostic]

  package init(plan: Plan, _ survey: [(node: Plan.Node, result: Result<NodeSurvey, NodeFault>)]) {
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
    self.condition = FleetCondition(
      states: plan.services.flatMap { service in
        service.replicas.map {
          reports[ReplicaKey(service: service.name, index: $0.index)]?.state
        }
      }, hasUnreachable: !faults.isEmpty)
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

  package let condition: FleetCondition

  /// One object, its replicas in the order of the plan.
  package func json(run: String) -> JSONText {
    let rows = self.rows.map { row in
      JSONText.object([
        ("service", .string(row.service)), ("index", .integer(row.index)),
        ("node", .string(row.node)), ("state", .string(row.state)),
        ("reason", .string(row.reason)), ("pid", .integer(Int(row.processID))),
        ("attempt", .integer(row.attempt)), ("unproven", .bool(row.isUnproven)),
      ])
    }
    return .object([("run", .string(run)), ("replicas", .array(rows))])
  }
}
