package import Fleet
package import Launch
package import Manifest

/// The manifest resolved for every node: what `muster plan` shows and the coordinator carries out.
/// A value without secrets; its canonical JSON and its hash are what resume is guarded by.
package struct Plan: Codable, Equatable, Sendable {
  package struct Node: Codable, Equatable, Sendable {
    package var name: String
    package var link: LinkSpecification
    package var labels: [String: String]

    package init(name: String, link: LinkSpecification, labels: [String: String] = [:]) {
      self.name = name
      self.link = link
      self.labels = labels
    }
  }

  package struct Service: Codable, Equatable, Sendable {
    package var name: String
    package var recipe: String
    /// Services that are ready before this one starts.
    package var after: [String]
    /// In the order of their index.
    package var replicas: [Replica]

    package init(name: String, recipe: String, after: [String] = [], replicas: [Replica]) {
      self.name = name
      self.recipe = recipe
      self.after = after
      self.replicas = replicas
    }
  }

  package struct Replica: Codable, Equatable, Sendable {
    /// 0 ... within its service, over all nodes.
    package var index: Int
    package var node: String
    package var launch: LaunchSpecification

    package init(index: Int, node: String, launch: LaunchSpecification) {
      self.index = index
      self.node = node
      self.launch = launch
    }
  }

  package typealias Exporter = ManifestExporter

  /// Of this form of the plan; raised with each change of it that others cannot read.
  package static let formVersion = 2

  package private(set) var version = Self.formVersion
  /// The run's name: the manifest's `name`, else its file's.
  package var name: String
  /// In placement order, 1 to 4096.
  package var nodes: [Node]
  /// In an order in which they can be started.
  package var services: [Service]
  /// Names of the environment variables of the coordinator that are handed to services.
  package var secrets: [String]
  /// The manifest's `work:` before flags; `nil` without one.
  package var work: WorkSettings?
  /// Compile caches may lie on a network mount; `nil`: they may not.
  package var acceptsNetworkCaches: Bool?

  package init(
    name: String, nodes: [Node], services: [Service], secrets: [String] = [],
    work: WorkSettings? = nil, acceptsNetworkCaches: Bool? = nil
  ) {
    self.name = name
    self.nodes = nodes
    self.services = services
    self.secrets = secrets
    self.work = work
    self.acceptsNetworkCaches = acceptsNetworkCaches
  }

  /// `nil`: none.
  package var exporters: [Exporter]?

  /// Those that a view of the run asks, in placement order: where a replica is, or an exporter.
  package var watchedNodes: [Node] {
    let used = Set(
      self.services.flatMap { $0.replicas.map(\.node) } + (self.exporters ?? []).flatMap(\.nodes))
    return self.nodes.filter { used.contains($0.name) }
  }
}
