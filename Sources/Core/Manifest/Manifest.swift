package import Fleet

/// What the user wrote, checked. ``ManifestReader`` has its keys.
package struct Manifest: Equatable, Sendable {
  package var name = ""
  /// In the order of the file, 1 to 4096, each name once.
  package var nodes: [ManifestNode] = []
  /// Each once.
  package var secrets: [String] = []
  package var caches: ManifestCaches?
  /// In the order of the file.
  package var services: [ManifestService] = []
  package var work: ManifestWork?
  package var notify: ManifestNotify?
  package var exporters: [ManifestExporter] = []
}

/// A node and how it is reached. Paths are as written.
package struct ManifestNode: Equatable, Sendable {
  package var name: NodeName
  package var link: LinkSpecification
  package var labels: [String: String]
  package var location: SourceLocation
}

/// A variable of `env:` with its place, for faults in its placeholders.
package struct ManifestVariable: Equatable, Sendable {
  package var name: String
  package var value: String
  package var location: SourceLocation
}

/// `caches:`.
package struct ManifestCaches: Equatable, Sendable {
  package enum Network: String, CaseIterable, Equatable, Sendable {
    case refuse
    case accept
  }

  /// Absolute path on the nodes.
  package var root = ""
  package var network = Network.refuse

  static let mapping = ManifestMapping<Self>(
    Self(), "`caches`", title: "`caches`",
    [
      .required(
        "root", \.root,
        .text(
          TextRule(spoken: "absolute path", pattern: #"^/(?!(.*/)?\.\.(/|$))"#) {
            $0.hasPrefix("/") && !$0.split(separator: "/").contains("..")
          }, code: "relative-path", hint: "write an absolute path without `..`"),
        hint: "write a folder on a node-local disk: `root: /local/muster`",
        "Where all caches of a node go, on a disk of its own"),
      .defaulted(
        "network", \.network, .choice(), "Whether `root` may be on a network file system"),
    ])
}

/// Pages of metrics of nodes that are no replica's, such as a DCGM exporter's.
package struct ManifestExporter: Codable, Equatable, Sendable {
  package var name: String
  package var port: Int
  package var path: String
  /// In the order of node sets.
  package var nodes: [String]

  package init(name: String, port: Int, path: String, nodes: [String]) {
    self.name = name
    self.port = port
    self.path = path
    self.nodes = nodes
  }
}

/// An entry of `exporters:`.
struct ExporterEntry: Sendable {
  var exporter = ManifestExporter(name: "", port: 0, path: "/metrics", nodes: [])
  var on: ManifestValue?

  static let mapping = ManifestMapping<Self>(
    Self(), "an entry of `exporters`", title: "An entry of `exporters`",
    [
      .required(
        "name", \.exporter.name, .text(like: .folderName), "What it is called in tables; once"),
      .required("port", \.exporter.port, .integer(1...65535), "Where the page is"),
      .defaulted("path", \.exporter.path, .text(like: .pagePath), "Which page it is"),
      .optional("on", \.on, .nodeSet, without: "all nodes", "The nodes that have it"),
    ])

  /// All of `exporters:`.
  static func exporters(
    _ items: [ManifestValue], nodes: NodeResolver, faults: inout ManifestFaults
  ) -> [ManifestExporter] {
    var exporters: [ManifestExporter] = []
    for item in items {
      let entry = Self.mapping.read(item, faults: &faults).root
      var exporter = entry.exporter
      exporter.nodes = nodes.nodes(on: entry.on, faults: &faults).map(\.rawValue)
      guard TextRule.folderName.accepts(exporter.name), exporter.port > 0,
        TextRule.pagePath.accepts(exporter.path), exporters.allSatisfy({ $0.name != exporter.name })
      else {
        faults.error(
          "wrong-exporter",
          "an exporter needs a name of its own, a port, and a path that begins with `/`",
          at: item.location, hint: "write `{name: dcgm, port: 9400, path: /metrics}`")
        continue
      }
      exporters.append(exporter)
    }
    return exporters
  }
}
