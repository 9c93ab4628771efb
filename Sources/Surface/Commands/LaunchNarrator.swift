import Coordinator
import Fleet
import Health
import Launch
import Plan
import Recipes

/// Tells a person how a launch goes: one line for each thing that matters, nodes folded.
struct LaunchNarrator {
  enum Word: Equatable {
    case line(String)
    case diagnostic(Diagnostic)
  }

  private let plan: Plan
  private let neededNodes: Set<String>
  private var attached: Set<String> = []
  /// Replicas that are ready, and tasks that have ended well.
  private var done: Set<ReplicaKey> = []
  private var announced: Set<String> = []
  private var isStarting = false
  private var lastFaults: [String: Diagnostic] = [:]

  init(plan: Plan) {
    self.plan = plan
    self.neededNodes = Set(plan.services.flatMap { $0.replicas.map(\.node) })
  }

  /// - Parameter elapsed: Since the launch began.
  /// - Returns: Often nothing.
  mutating func words(for event: LaunchEvent, elapsed: Duration) -> [Word] {
    let time = Self.seconds(elapsed)
    func line(_ text: String) -> Word { .line("[\(time)] \(text)") }
    switch event {
    case .attached(let node, _):
      self.lastFaults[node] = nil
      guard self.attached.insert(node).inserted else { return [line("\(node) is back")] }
      guard self.attached.isSuperset(of: self.neededNodes) else { return [] }
      return [line("connected to \(Self.fold(self.attached))")]
    case .faulted(let fault):
      // The launch ends for it, and the command tells it then, of all nodes together.
      if fault.kind == .refused, !self.attached.contains(fault.node) { return [] }
      // The same fault again, a second later, is no news.
      guard self.lastFaults[fault.node] != fault.diagnostic else { return [] }
      self.lastFaults[fault.node] = fault.diagnostic
      return [line("\(fault.node): \(fault.diagnostic.summary)")]
    case .examined, .succeeded: return []
    case .checked(let findings):
      // Errors end the command, which tells them then; warnings are told here.
      return findings.filter { !$0.isError }.map { .diagnostic($0.folded) }
    case .starting(let services):
      self.isStarting = true
      return services.map { line("starting `\($0)` on \(Self.fold(self.nodes(of: $0)))") }
    case .reported(let report): return self.line(for: report).map { [line($0)] } ?? []
    case .warned(let diagnostic): return [.diagnostic(diagnostic)]
    // The last is the command's to tell.
    case .aborted([.endedElsewhere]): return []
    case .aborted: return self.isStarting ? [line("stopping what was started")] : []
    case .leftBehind(let node, let leftovers):
      return leftovers.map { line("\(node): left behind: \($0)") }
    }
  }

  private mutating func line(for report: ReplicaReport) -> String? {
    guard let service = self.plan.services.first(where: { $0.name == report.key.service }) else {
      return nil
    }
    guard service.isDone(report) else {
      self.done.remove(report.key)
      return nil
    }
    self.done.insert(report.key)
    guard !self.announced.contains(service.name),
      service.replicas.allSatisfy({ replica in
        self.done.contains(ReplicaKey(service: service.name, index: replica.index))
      })
    else { return nil }
    self.announced.insert(service.name)
    let count = service.replicas.count
    let proof = report.isUnproven ? " (unproven: no probe is declared)" : ""
    return "`\(service.name)` ready: \(count) of \(count)\(proof)"
  }

  private func nodes(of service: String) -> Set<String> {
    Set(
      self.plan.services.first { $0.name == service }?.replicas.map(\.node) ?? [])
  }

  private static func fold(_ nodes: Set<String>) -> String {
    NodeSet(nodes.map { NodeName($0) }).folded
  }

  static func seconds(_ duration: Duration) -> String {
    let tenths =
      duration.components.seconds * 10
      + duration.components.attoseconds / 100_000_000_000_000_000
    return "\(tenths / 10).\(tenths % 10) s"
  }
}
