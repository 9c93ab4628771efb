package import ArgumentParser
import KVCacheSimulator
import Manifest

/// `muster simulate`: the simulator's episodes on this machine, without a manifest.
package struct Simulate: ParsableCommand {
  package static let configuration = CommandConfiguration(
    abstract: "Runs the KV-cache simulator on this machine.",
    discussion: """
      Writes one record a line to standard output, in the order of (task_index, rollout_index); \
      on a terminal, a table by difficulty. The records are byte for byte those that an eval of \
      the same settings merges.
      """)

  package enum Format: String, CaseIterable, ExpressibleByArgument, Sendable {
    case jsonl, table
  }

  @OptionGroup var simulator: SimulatorOptions

  @Option(help: "jsonl or table; without it, table on a terminal.")
  var format: Format?

  @Flag(help: "Write a line for each step instead: the observation and the actions.")
  var trace = false

  @Option(help: .hidden)
  var bench: Int?

  package init() {}

  package func validate() throws {
    if self.trace, self.format == .table {
      throw ValidationError("`--trace` has no table; leave out `--format table`")
    }
    if let bench = self.bench, !(1...60).contains(bench) {
      throw ValidationError("bench `\(bench)` is not in 1 to 60 seconds")
    }
  }

  package func run() throws {
    let settings = try self.simulator.settings(over: nil)
    var output = SimulateOutput(settings)
    let isTable = self.format == .table || (self.format == nil && StandardStreams.outputIsTerminal)
    if let bench = self.bench {
      StandardStreams.data(output.bench(for: .seconds(bench)))
    } else if self.trace {
      output.write { $0.appendTrace(of: $1, to: &$2) }
    } else if isTable {
      StandardStreams.data(output.table())
    } else {
      output.write { $0.appendRecord(of: $1, to: &$2) }
    }
  }
}
