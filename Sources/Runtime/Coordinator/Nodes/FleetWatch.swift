import Fleet
import GRPCCore
import Health
package import Launch
import Manifest
import NodeAPI
package import Plan
import SwiftProtobuf
import Synchronization
package import Telemetry

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
    let sequence = Mutex<UInt64>(0)
    await LinkKeeper.keep(.watch, clock: self.clock) { opened throws(NodeFault) in
      try await self.agents.withSession(to: node) { session in
        opened()
        await see(.reached(node: node.name))
        try await self.serve(session, after: sequence.withLock(\.self)) { sight, number in
          if let number { sequence.withLock { $0 = number } }
          await see(sight)
        }
      }
    } lost: { fault in
      await see(.lost(fault))
      return fault.kind
    }
  }

  /// Ends with the first of the streams: each goes on for as long as the agent lives.
  private func serve(
    _ session: NodeSession, after: UInt64,
    _ see: @escaping @Sendable (FleetSight, _ sequence: UInt64?) async -> Void
  ) async throws {
    let node = session.node.name
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        try await session.watch { await see(.reported($0), nil) }
      }
      tasks.addTask {
        let request = Muster_V1_EventsRequest.with {
          $0.after = after
          $0.follow = true
        }
        try await session.api.events(request) { response in
          for try await event in response.messages {
            if let seen = session.voice.event(event) {
              await see(.happened(seen), event.sequence)
            }
          }
        }
      }
      if var request = self.request {
        request.exporters.removeAll { !$0.nodes.contains(node) }
        let message = request.message
        tasks.addTask {
          try await session.api.scrape(message) { response in
            for try await report in response.messages {
              for scrape in session.voice.scrapes(report) {
                await see(.scraped(node: node, scrape), nil)
              }
            }
          }
        }
      }
      try await tasks.next()
      tasks.cancelAll()
    }
    throw NodeFault(stoppedReporting: node)
  }
}

/// What a node's agent says of its servers, GPUs and files.
package enum NodeScrape: Equatable, Sendable {
  case page(NodePage)
  /// Milliseconds since 1970 by the node's clock; a fault in words where there are no samples.
  case gpus(milliseconds: Int64, [GPUSample], fault: String)
  /// Complete lines so far, and bytes; nodes that say the same in `sharedAs` see one file, unless it is
  /// empty. The pattern is the place in ``NodeScrapeRequest/watchedFiles`` of what finds it.
  case file(
    path: String, milliseconds: Int64, lines: UInt64, bytes: UInt64, sharedAs: String = "",
    pattern: Int = 0)

  /// Of a node's GPUs: 16 with names take 4 KiB.
  private static let samplesSizeMax = 256 << 10

  /// `nil` for a kind of a later version.
  init?(_ report: Muster_V1_ScrapeReport) {
    switch report.kind {
    case .page(let page): self = .page(NodePage(page))
    case .gpus(let gpus):
      let isTooLarge = gpus.gpus.count > Self.samplesSizeMax
      let samples =
        isTooLarge ? [] : (try? CanonicalJSON.value([GPUSample].self, from: gpus.gpus)) ?? []
      self = .gpus(
        milliseconds: gpus.milliseconds, samples,
        fault: gpus.fault.cut(toBytes: AgentMessages.textSizeMax))
    case .file(let file):
      self = .file(
        path: file.path.cut(toBytes: AgentMessages.textSizeMax), milliseconds: file.milliseconds,
        lines: file.lines, bytes: file.bytes,
        sharedAs: file.sharedAs.cut(toBytes: AgentMessages.textSizeMax), pattern: Int(file.pattern))
    case .batch, nil: return nil
    }
  }

  /// What a message holds, one or several.
  static func all(_ report: Muster_V1_ScrapeReport) -> [NodeScrape] {
    if case .batch(let batch) = report.kind { return batch.reports.compactMap { NodeScrape($0) } }
    return NodeScrape(report).map { [$0] } ?? []
  }
}

/// What one endpoint of a node answered its agent.
package struct NodePage: Equatable, Sendable {
  package enum Source: Equatable, Sendable {
    case replica(ReplicaKey)
    /// By the name that the request gave it.
    case target(String)
  }

  /// What an agent may pass on; a longer text is a fault.
  static let textSizeMax = 4 << 20

  package var source: Source
  /// By the node's clock, since 1970.
  package var milliseconds: Int64
  /// As it came; empty with a fault.
  package var text: [UInt8]
  /// Why there is no page, in words; empty where there is one.
  package var fault = ""

  /// Where there is one.
  package init(source: Source, milliseconds: Int64, text: [UInt8]) {
    self.source = source
    self.milliseconds = milliseconds
    self.text = text
  }

  init(_ page: Muster_V1_MetricsPage) {
    self.source =
      page.target.isEmpty
      ? .replica(ReplicaKey(service: page.service, index: Int(page.index))) : .target(page.target)
    self.milliseconds = page.milliseconds
    let isTooLarge = page.text.count > Self.textSizeMax
    self.text = isTooLarge ? [] : Array(page.text)
    self.fault =
      isTooLarge
      ? "the page has more than \(Self.textSizeMax) bytes"
      : page.fault.cut(toBytes: AgentMessages.textSizeMax)
  }
}

/// What a node is asked to scrape.
package struct NodeScrapeRequest: Equatable, Sendable {
  /// From one page of an endpoint to its next, at most an hour; `nil`: each once.
  package var interval: Duration?
  package var samplesGPUs = false
  /// Files whose lines are counted, `*` allowed in the last part; at most 64.
  package var watchedFiles: [String] = []
  /// Pages beside those of replicas; at most 4096.
  package var exporters: [Plan.Exporter] = []

  package init(every interval: Duration? = nil) {
    self.interval = interval
  }

  var message: Muster_V1_ScrapeRequest {
    .with {
      let milliseconds = self.interval.map { $0 / .milliseconds(1) } ?? 0
      $0.intervalMilliseconds = UInt32(min(max(milliseconds, 0), 3_600_000))
      $0.gpus = self.samplesGPUs
      $0.watchedFiles = Array(self.watchedFiles.prefix(64))
      $0.targets = self.exporters.prefix(4096).map { exporter in
        .with {
          $0.name = exporter.name
          $0.port = UInt32(exporter.port)
          $0.path = exporter.path
        }
      }
    }
  }
}
