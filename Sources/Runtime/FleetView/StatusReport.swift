package import Coordinator
package import Fleet
import Health
import Launch
package import Plan

/// What `muster status` says: the state of every planned replica, nodes that do not answer beside
/// their last word.
package struct StatusReport: Sendable {
  /// In the order of the plan.
  package let rows: [ReplicaStanding]
  package let faults: [NodeFault]

  package init(plan: Plan, _ survey: [(node: Plan.Node, result: Result<NodeSurvey, NodeFault>)]) {
    let (answers, faults) = NodeFault.parted(survey)
    self.faults = faults
    self.rows = plan.standings(answers.flatMap(\.reports), silent: Set(faults.map(\.node)))
  }

  /// Of what is well by itself, and not together.
  package var warnings: [Diagnostic] { self.rows.compactMap(\.report).startedUnlike() }

  package var condition: FleetCondition {
    FleetCondition(states: self.rows.map(\.report?.state), hasUnreachable: !self.faults.isEmpty)
  }

  /// One object, its replicas in the order of the plan.
  package func json(run: String) -> JSONText {
    let rows = self.rows.map { row in
      JSONText.object([
        ("service", .string(row.key.service)), ("index", .integer(row.key.index)),
        ("node", .string(row.node)), ("state", .string(row.word)), ("reason", .string(row.reason)),
        ("pid", .integer(Int(row.report?.processID ?? 0))),
        ("attempt", .integer(row.report?.attempt ?? 0)),
        ("unproven", .bool(row.report?.isUnproven ?? false)),
      ])
    }
    return .object([("run", .string(run)), ("replicas", .array(rows))])
  }
}
