package import Fleet

/// Pages of metrics of nodes that are no replica's: `exporters:` of the manifest.
package struct ManifestExporter: Equatable, Sendable {
  package var name: String
  package var port: Int
  package var path: String
  /// In the order of node sets.
  package var nodes: [NodeName]
}

/// Reads `exporters:`.
enum ExportersReader {
  static func read(
    _ value: ManifestValue, nodes: NodeResolver, faults: inout ManifestFaults
  ) -> [ManifestExporter] {
    var exporters: [ManifestExporter] = []
    for item in MappingReader.items(of: value) {
      var reader = MappingReader(item, subject: "an entry of `exporters`", faults: &faults)
      let name = reader.text("name", faults: &faults)
      let port = reader.integer("port", in: 1...65535, faults: &faults)
      let path = reader.text("path", faults: &faults) ?? "/metrics"
      let on = reader.value("on")
      let names = on.map { nodes.resolve($0, of: "`on`", faults: &faults) ?? [] } ?? nodes.nodes
      reader.finish(faults: &faults)
      guard let name, ManifestReader.isName(name), let port, path.hasPrefix("/"),
        path.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
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
