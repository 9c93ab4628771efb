package import Fleet

/// Pages of metrics of nodes that are no replica's: `exporters:` of the manifest.
package struct ManifestExporter: Equatable, Sendable {
  package var name: String
  package var port: Int
  package var path: String
  /// In the order of node sets.
  package var nodes: [NodeName]
}

/// An entry of `exporters:`.
enum ExporterKeys {
  static let name = ManifestKey(
    required: "name", .text(like: .folderName), "What it is called in tables; once")
  static let port = ManifestKey(required: "port", .integer(1...65535), "Where the page is")
  static let path = ManifestKey(
    "path", .text(like: .pagePath), default: "/metrics", "Which page it is")
  static let on = ManifestKey("on", .nodeSet, without: "all nodes", "The nodes that have it")
  static let table = ManifestTable(
    "an entry of `exporters`", title: "An entry of `exporters`", name, port, path, on)
}

/// Reads `exporters:`.
enum ExportersReader {
  static func read(
    _ items: [ManifestValue], nodes: NodeResolver, faults: inout ManifestFaults
  ) -> [ManifestExporter] {
    var exporters: [ManifestExporter] = []
    for item in items {
      var reader = MappingReader(item, ExporterKeys.table, faults: &faults)
      let name = reader.read(ExporterKeys.name, faults: &faults)
      let port = reader.read(ExporterKeys.port, faults: &faults)
      let path = reader.read(ExporterKeys.path, faults: &faults)
      let on = reader.value(ExporterKeys.on)
      let names = on.map { nodes.resolve($0, of: "`on`", faults: &faults) ?? [] } ?? nodes.nodes
      reader.finish(faults: &faults)
      guard let name, TextRule.folderName.accepts(name), let port, TextRule.pagePath.accepts(path),
        !exporters.contains(where: { $0.name == name })
      else {
        faults.error(
          "wrong-exporter",
          "an exporter needs a name of its own, a port, and a path that begins with `/`",
          at: item.location, hint: "write `{name: dcgm, port: 9400, path: /metrics}`")
        continue
      }
      exporters.append(ManifestExporter(name: name, port: port, path: path, nodes: names))
    }
    return exporters
  }
}
