import Coordinator
import Fleet
import Health
import Plan

/// Tells a person how a launch goes: one line for each thing that matters, nodes folded.
struct LaunchNarrator {
  private let plan: Plan
  private let neededNodes: Set<String>
  private var attached: Set<String> = []
  private var states: [ReplicaKey: ReplicaPhase] = [:]
  private var announced: Set<String> = []
  private var lastFaults: [String: Diagnostic] = [:]

  init(plan: Plan) {
    self.plan = plan
    self.neededNodes = Set(plan.services.flatMap { $0.replicas.map(\.node) })
  }

  /// - Parameter elapsed: Since the launch began.
  /// - Returns: Lines for standard error, each ended by a line feed; often none.
  mutating func lines(for event: LaunchEvent, elapsed: Duration) -> String {
    let time = Self.seconds(elapsed)
    switch event {
    case .attached(let node, _):
      self.lastFaults[node] = nil
      guard self.attached.insert(node).inserted else { return "[\(time)] \(node) is back\n" }
      guard self.attached.isSuperset(of: self.neededNodes) else { return "" }
      return "[\(time)] connected to \(Self.fold(self.attached))\n"
    case .faulted(let fault):
      // The same fault again, a second later, is no news.
      guard self.lastFaults[fault.node] != fault.diagnostic else { return "" }
      self.lastFaults[fault.node] = fault.diagnostic
      return "[\(time)] \(fault.node): \(fault.diagnostic.summary)\n"
    case .examined:
      return ""
    case .checked(let findings):
      // Errors end the command, which tells them then; warnings are told here.
      return findings.filter { !$0.isError }.map { $0.folded.rendered() }.joined()
    case .starting(let services):
      return services.map { name in
        "[\(time)] starting `\(name)` on \(Self.fold(self.nodes(of: name)))\n"
      }.joined()
    case .reported(let report):
      return self.line(for: report, time)
    case .warned(let diagnostic):
      return diagnostic.rendered()
    case .succeeded:
      return ""
    case .aborted:
      return "[\(time)] stopping what was started\n"
    case .leftBehind(let node, let leftovers):
      return leftovers.map { "[\(time)] \(node): left behind: \($0)\n" }.joined()
    }
  }

  private mutating func line(for report: ReplicaReport, _ time: String) -> String {
    self.states[report.key] = report.state
    guard report.state == .ready || report.state == .stopped,
      let service = self.plan.services.first(where: { $0.name == report.key.service }),
      !self.announced.contains(service.name),
      service.replicas.allSatisfy({ replica in
        let state = self.states[ReplicaKey(service: service.name, index: replica.index)]
        return state == .ready || state == .stopped
      })
    else { return "" }
    self.announced.insert(service.name)
    let count = service.replicas.count
    let proof = report.isUnproven ? " (unproven: no probe is declared)" : ""
    return "[\(time)] `\(service.name)` ready: \(count) of \(count)\(proof)\n"
  }

  private func nodes(of service: String) -> Set<String> {
    Set(
      self.plan.services.first { $0.name == service }?.replicas.map(\.node) ?? [])
  }

  private static func fold(_ nodes: Set<String>) -> String {
    NodeSet(nodes.map { NodeName($0) }).folded
  }

  /// `2.3 s`.
  static func seconds(_ duration: Duration) -> String {
    let tenths =
      duration.components.seconds * 10
      + duration.components.attoseconds / 100_000_000_000_000_000
    return "\(tenths / 10).\(tenths % 10) s"
  }
}
