import Fleet
import GRPCCore
package import Launch
import Manifest
import NodeAPI
package import Plan
import SwiftProtobuf
package import Telemetry

/// What a node's agent says of its servers, GPUs and files.
package enum NodeScrape: Equatable, Sendable {
  case page(NodePage)
  /// Milliseconds since 1970 by the node's clock; a fault in words where there are no samples.
  case gpus(milliseconds: Int64, [GPUSample], fault: String)
  /// Complete lines so far, and bytes; nodes that say the same in `sharedAs` of a path see one file,
  /// unless it is empty.
  case file(
    path: String, milliseconds: Int64, lines: UInt64, bytes: UInt64, sharedAs: String = "")

  /// `nil` for a kind of a later version.
  init?(_ report: Muster_V1_ScrapeReport) {
    switch report.kind {
    case .page(let page): self = .page(NodePage(page))
    case .gpus(let gpus):
      let samples = (try? CanonicalJSON.value([GPUSample].self, from: gpus.gpus)) ?? []
      self = .gpus(milliseconds: gpus.milliseconds, samples, fault: gpus.fault)
    case .file(let file):
      self = .file(
        path: file.path, milliseconds: file.milliseconds, lines: file.lines, bytes: file.bytes,
        sharedAs: file.sharedAs)
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
  package var fault: String

  /// For tests of what is made of pages.
  package init(source: Source, milliseconds: Int64, text: [UInt8]) {
    self.source = source
    self.milliseconds = milliseconds
    self.text = text
    self.fault = ""
  }

  init(_ page: Muster_V1_MetricsPage) {
    self.source =
      page.target.isEmpty
      ? .replica(ReplicaKey(service: page.service, index: Int(page.index))) : .target(page.target)
    self.milliseconds = page.milliseconds
    let isTooLarge = page.text.count > Self.textSizeMax
    self.text = isTooLarge ? [] : Array(page.text)
    self.fault = isTooLarge ? "the page has more than \(Self.textSizeMax) bytes" : page.fault
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
  /// After which the stream ends with a fault; `nil` for one that goes on.
  package var timeout: Duration?

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

extension AgentConnector {
  /// Passes on what the agent of one node scrapes, until `receive` says that it is enough, the agent
  /// has done all, or the task is cancelled.
  ///
  /// - Parameter receive: Whether to go on.
  package func scrape(
    _ node: Plan.Node, _ request: NodeScrapeRequest,
    receive: @escaping @Sendable (NodeScrape) async -> Bool
  ) async throws(NodeFault) {
    try await self.withSession(to: node) { session in
      var options = CallOptions.defaults
      options.timeout = request.timeout
      do {
        try await session.api.scrape(request.message, options: options) { response in
          for try await report in response.messages {
            for scrape in NodeScrape.all(report) {
              guard await receive(scrape) else { return }
            }
          }
        }
      } catch {
        throw NodeFault(node: node.name, call: "scrape", error: error)
      }
    }
  }
}
