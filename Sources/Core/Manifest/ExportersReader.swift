import Fleet

/// An entry of `exporters:`.
struct ExporterEntry: Sendable {
  var name = ""
  var port = 0
  var path = "/metrics"
  var on: ManifestValue?

  static let mapping = ManifestMapping<Self>(
    Self(), "an entry of `exporters`", title: "An entry of `exporters`",
    [
      .required("name", \.name, .text(like: .folderName), "What it is called in tables; once"),
      .required("port", \.port, .integer(1...65535), "Where the page is"),
      .defaulted("path", \.path, .text(like: .pagePath), "Which page it is"),
      .optional("on", \.on, .nodeSet, without: "all nodes", "The nodes that have it"),
    ])

  /// All of `exporters:`.
  static func exporters(
    _ items: [ManifestValue], nodes: NodeResolver, faults: inout ManifestFaults
  ) -> [ManifestExporter] {
    var exporters: [ManifestExporter] = []
    for item in items {
      let entry = Self.mapping.read(item, faults: &faults).root
      let nodes = nodes.nodes(on: entry.on, faults: &faults).map(\.rawValue)
      guard TextRule.folderName.accepts(entry.name), entry.port > 0,
        TextRule.pagePath.accepts(entry.path), !exporters.contains(where: { $0.name == entry.name })
      else {
        faults.error(
          "wrong-exporter",
          "an exporter needs a name of its own, a port, and a path that begins with `/`",
          at: item.location, hint: "write `{name: dcgm, port: 9400, path: /metrics}`")
        continue
      }
      exporters.append(
        ManifestExporter(name: entry.name, port: entry.port, path: entry.path, nodes: nodes))
    }
    return exporters
  }
}
