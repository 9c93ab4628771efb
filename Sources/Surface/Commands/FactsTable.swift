import Fleet
import Launch
import Plan
import Recipes
import Terminal

/// The facts of nodes as a table, equal nodes in one row.
enum FactsTable {
  private struct Row {
    /// What is equal in one row.
    var cells: [String]
    var nodes: [NodeName]
    /// The least of the free disk space in bytes.
    var free: Int?
    /// The largest offset in milliseconds, whichever way.
    var offset: Int
  }

  static func text(of answers: [PreflightAnswer]) -> String {
    guard !answers.isEmpty else { return "" }
    var rows: [Row] = []
    for answer in answers {
      let (cells, free) = (Self.cells(of: answer.facts), Self.free(in: answer.facts))
      let offset = answer.clockOffsetMilliseconds
      if let index = rows.firstIndex(where: { $0.cells == cells }) {
        rows[index].nodes.append(NodeName(answer.node))
        rows[index].free = [rows[index].free, free].compactMap(\.self).min()
        if abs(offset) > abs(rows[index].offset) { rows[index].offset = offset }
      } else {
        rows.append(
          Row(cells: cells, nodes: [NodeName(answer.node)], free: free, offset: offset))
      }
    }
    var table = Table(columns: [
      "NODES", "ARCH", "KERNEL", "CPUS", "MEMORY", "GPUS", "DRIVER", "ENGINE", "TORCH", "FREE",
      "CLOCK",
    ])
    for row in rows {
      let free = row.free.map { "\(ByteCount(max(0, $0)))" } ?? "?"
      table.append(
        [NodeSet(row.nodes).folded] + row.cells + [free, Self.offset(row.offset)])
    }
    return table.rendered()
  }

  private static func cells(of facts: PreflightFacts) -> [String] {
    let memory = facts.memoryTotalBytes.map { "\(($0 + (1 << 29)) >> 30) GiB" } ?? ""
    let gpus =
      switch facts.gpuProgram {
      case .hung: "hung"
      case .failed: "failed"
      case .absent: "-"
      case .answered: facts.gpuSummary
      }
    let engines = Recipe.engines.compactMap { name in facts.packages[name].map { "\(name) \($0)" } }
    let cells = [
      facts.architecture, facts.kernel, facts.cpuSummary, memory, gpus,
      facts.gpus.first?.driver ?? "-", engines.isEmpty ? "-" : engines.joined(separator: ", "),
      facts.packages["torch"] ?? "-",
    ]
    return cells.map { $0.isEmpty ? "?" : $0 }
  }

  /// Of the disks: `/dev/shm` is memory.
  private static func free(in facts: PreflightFacts) -> Int? {
    facts.paths.filter { $0.path != "/dev/shm" }.compactMap(\.freeBytes).min()
  }

  /// `+3 ms`, `-2.5 s`.
  private static func offset(_ milliseconds: Int) -> String {
    let sign = milliseconds < 0 ? "-" : "+"
    let size = abs(milliseconds)
    return size < 1000
      ? "\(sign)\(size) ms" : "\(sign)\(size / 1000).\(size % 1000 / 100) s"
  }
}
