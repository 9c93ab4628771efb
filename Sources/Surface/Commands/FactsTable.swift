import Fleet
import Launch
import Plan
import Recipes
import Terminal

/// The facts of nodes as a table, equal nodes in one row.
enum FactsTable {
  static func text(of answers: [PreflightAnswer]) -> String {
    guard !answers.isEmpty else { return "" }
    var table = Table(columns: [
      "NODES", "ARCH", "KERNEL", "CPUS", "MEMORY", "GPUS", "DRIVER", "ENGINE", "TORCH", "FREE",
      "CLOCK",
    ])
    for (cells, answers) in answers.grouped(by: { Self.cells(of: $0.facts) }) {
      // The least of the free space, and the largest offset, whichever way.
      let free = answers.compactMap { Self.free(in: $0.facts) }.min()
      let offset = answers.map(\.clockOffsetMilliseconds).max { abs($0) < abs($1) } ?? 0
      table.append(
        [NodeSet(answers.map { NodeName($0.node) }).folded] + cells
          + [free.map { "\(ByteCount(max(0, $0)))" } ?? "?", Self.offset(offset)])
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
