import Manifest
import Fleet
import GRPCCore
import Health
import NodeAPI
package import Plan
import SwiftProtobuf
import Synchronization

/// What is learnt of a node, as it comes.
package enum FleetSight: Sendable {
  /// Its agent has answered, again perhaps.
  case reached(node: String)
  case lost(NodeFault)
  case reported(ReplicaReport)
  case happened(ChainEvent)
  case scraped(node: String, NodeScrape)
}

/// Keeps a link to every node of a run that is up and passes on all that its agents say: states,
/// events, metrics. It observes, and takes nothing over.
package struct FleetWatch<ClockType: Clock & Sendable>: Sendable
where ClockType.Duration == Duration {
  private let nodes: [Plan.Node]
  private let request: NodeScrapeRequest?
  private let agents: AgentConnector
  private let clock: ClockType

  /// - Parameter request: With an interval; of its exporters each node is asked for its own. `nil`:
  ///   states and events only.
  package init(
    _ nodes: [Plan.Node], _ request: NodeScrapeRequest?, agents: AgentConnector, clock: ClockType
  ) {
    self.nodes = nodes
    self.request = request
    self.agents = agents
    self.clock = clock
  }

  /// Returns when the task is cancelled.
  ///
  /// - Parameter see: Called from several tasks at once; that of one node in order.
  package func run(_ see: @escaping @Sendable (FleetSight) async -> Void) async {
    await withTaskGroup(of: Void.self) { tasks in
      for node in self.nodes { tasks.addTask { await self.attend(node, see) } }
    }
  }

  private func attend(
    _ node: Plan.Node, _ see: @escaping @Sendable (FleetSight) async -> Void
  ) async {
    // Events that were seen over a link before are not told again.
    let sequence = LastSequence()
    await LinkKeeper(.watch, clock: self.clock).keep { opened throws(NodeFault) in
      try await self.agents.withSession(to: node) { session in
        opened()
        await see(.reached(node: node.name))
        try await self.serve(session, sequence, see)
      }
    } lost: { fault in
      await see(.lost(fault))
      return fault.kind
    }
  }

  /// Ends with the first of the streams: each goes on for as long as the agent lives.
  private func serve(
    _ session: NodeSession, _ sequence: LastSequence,
    _ see: @escaping @Sendable (FleetSight) async -> Void
  ) async throws {
    let node = session.node.name
    let after = sequence.value
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        try await session.watch { await see(.reported($0)) }
      }
      tasks.addTask {
        let request = Muster_V1_EventsRequest.with {
          $0.after = after
          $0.follow = true
        }
        try await session.api.events(request) { response in
          for try await event in response.messages {
            sequence.value = event.sequence
            await see(.happened(ChainEvent(event, node: node)))
          }
        }
      }
      if var request = self.request {
        request.exporters.removeAll { !$0.nodes.contains(node) }
        let message = request.message
        tasks.addTask {
          try await session.api.scrape(message) { response in
            for try await report in response.messages {
              for scrape in NodeScrape.all(report) {
                await see(.scraped(node: node, scrape))
              }
            }
          }
        }
      }
      try await tasks.next()
      tasks.cancelAll()
    }
    throw NodeFault(
      node: node, kind: .unreachable,
      Diagnostic(code: "watch-ended", "the agent stopped reporting"))
  }

  /// Of the last event of a node that was passed on.
  private final class LastSequence: Sendable {
    private let state = Mutex<UInt64>(0)

    var value: UInt64 {
      get { self.state.withLock { $0 } }
      set { self.state.withLock { $0 = newValue } }
    }
  }
}
