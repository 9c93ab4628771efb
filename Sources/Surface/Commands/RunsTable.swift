import Fleet
import FleetView
import Runs
import Terminal

extension RunInventory {
  /// - Parameter now: Milliseconds since 1970.
  func table(_ runs: [Run], at now: Int64) -> String {
    var table = Table([
      .init("RUN"), .init("NAME"), .init("STATE"), .init("AGE", .right), .init("HERE", .right),
      .init("ON NODES", .right), .init("NODES"), .init("HOLDER"),
    ])
    for run in runs {
      table.append([
        run.id.rawValue, run.name, run.standing.words,
        ReadableNumber.time(Double(now - run.id.milliseconds) / 1000),
        run.here.map { "\(ByteCount($0.size))" } ?? "-",
        run.nodes.isEmpty ? "-" : "\(ByteCount(run.nodeSize))",
        run.nodes.isEmpty ? "-" : NodeSet(run.nodes.keys.map { NodeName($0) }).folded, run.holder,
      ])
    }
    return table.rendered()
  }
}

extension RunInventory.Standing {
  fileprivate var words: String {
    switch self {
    case .held(let worker): "\(self.word) by \(worker)"
    case .over, .live, .unmerged, .records, .unknown: self.word
    }
  }
}

extension RunPruning.Removed {
  /// `removed 20261121-061500-3f9a2c: 1.20 MB here, 340 MB on gpu[01-04]`.
  var line: String {
    var places = self.size > 0 ? ["\(ByteCount(self.size)) here"] : []
    if !self.nodeSizes.isEmpty {
      let nodes = NodeSet(self.nodeSizes.keys.map { NodeName($0) }).folded
      places.append("\(ByteCount(self.nodeSizes.values.reduce(0, +))) on \(nodes)")
    }
    return "removed \(self.id): \(places.joined(separator: ", "))"
  }
}
