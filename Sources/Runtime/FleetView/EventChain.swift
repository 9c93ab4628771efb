package import Coordinator
import Health
package import Launch
package import Plan

/// What somebody asks about.
package enum ChainSubject: Equatable, Sendable {
  case node(String)
  case service(String)
  case replica(ReplicaKey)

  /// Finds a node, a service or a replica of the plan by its name; `nil` where it has none.
  package init?(_ name: String, in plan: Plan) {
    if plan.services.contains(where: { $0.name == name }) {
      self = .service(name)
    } else if plan.nodes.contains(where: { $0.name == name }) {
      self = .node(name)
    } else if let key = ReplicaKey(name), plan.standings().contains(where: { $0.key == key }) {
      self = .replica(key)
    } else {
      return nil
    }
  }

  func isAbout(_ replica: ReplicaStanding) -> Bool {
    switch self {
    case .node(let name): replica.node == name
    case .service(let name): replica.key.service == name
    case .replica(let wanted): replica.key == wanted
    }
  }

  /// The nodes that it is about, each once.
  package func nodes(of plan: Plan) -> [Plan.Node] {
    var names = Set(plan.standings().filter(self.isAbout).map(\.node))
    if case .node(let name) = self { names.insert(name) }
    return plan.nodes.filter { names.contains($0.name) }
  }
}

/// The events that led to the present state of a subject, oldest first.
package struct EventChain: Equatable, Sendable {
  package let events: [ChainEvent]

  /// Puts the journal's and the agents' words in one order.
  ///
  /// A state that an agent tells is left out of the journal's words, which have it a little later and
  /// by another clock. What one node says again and again of one thing is one event with a count.
  ///
  /// - Parameters:
  ///   - journal: In the order in which they were written.
  ///   - agents: Of each agent in the order in which it told them.
  package init(
    of subject: ChainSubject, in plan: Plan, journal: [ChainEvent], agents: [ChainEvent]
  ) {
    let replicas = plan.standings().filter(subject.isAbout)
    let keys = Set(replicas.map(\.key))
    let services = Set(replicas.map(\.key.service))
    let nodes = Set(subject.nodes(of: plan).map(\.name))
    let told =
      agents
      + journal.filter { event in
        event.node.isEmpty || !agents.contains { $0.isLike(event) }
      }
    let relevant = told.filter { event in
      if let replica = event.replica { return keys.contains(replica) }
      if !event.service.isEmpty { return services.contains(event.service) }
      return event.node.isEmpty || nodes.contains(event.node)
    }
    // Equal times keep their order, in which each source told them.
    self.events = Self.folded(relevant.sorted { $0.milliseconds < $1.milliseconds })
  }

  /// The last that is known of a replica's state.
  package func lastState(of key: ReplicaKey) -> ChainEvent? {
    self.events.last { $0.replica == key && ReplicaPhase(rawValue: $0.what) != nil }
  }

  /// Since when a node could not be reached, where that is the last that the journal says of it.
  package func unreachableSince(_ node: String) -> Int64? {
    guard let last = self.events.last(where: { $0.node == node && $0.replica == nil }),
      last.what == "faulted"
    else { return nil }
    return last.milliseconds
  }

  /// The last lines of what failed, of each replica that has some.
  package var failures: [(key: ReplicaKey, node: String, lines: [String])] {
    var seen: Set<ReplicaKey> = []
    return self.events.reversed().compactMap { event in
      guard let key = event.replica, event.what == ReplicaPhase.failed.rawValue,
        !event.logLines.isEmpty, seen.insert(key).inserted
      else { return nil }
      return (key, event.node, event.logLines)
    }.reversed()
  }

  private static func folded(_ events: [ChainEvent]) -> [ChainEvent] {
    struct Source: Hashable {
      var node: String
      var service: String
      var replica: ReplicaKey?
    }
    var result: [ChainEvent] = []
    var lastIndex: [Source: Int] = [:]
    for event in events {
      let source = Source(node: event.node, service: event.service, replica: event.replica)
      if let index = lastIndex[source], result[index].isLike(event) {
        result[index].count += event.count
        result[index].lastMilliseconds = event.lastMilliseconds
        if !event.logLines.isEmpty { result[index].logLines = event.logLines }
      } else {
        lastIndex[source] = result.count
        result.append(event)
      }
    }
    return result
  }
}
