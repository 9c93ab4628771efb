package import ArgumentParser
import Fleet
package import Plan

/// `muster check`: all faults of a manifest.
package struct Check: ParsableCommand {
  package static let configuration = CommandConfiguration(
    abstract: "Checks a manifest and reports every fault of it.",
    discussion: "Exit status 1 for faults in the manifest, or where it cannot be read.")

  @Argument(help: "The manifest; - reads standard input.")
  var file: String

  package init() {}

  package func run() throws {
    let loaded = try ManifestFile(self.file)
    for note in loaded.notes { StandardStreams.talk("note: \(note)\n") }
    StandardStreams.data(Self.summary(of: loaded.plan))
  }

  /// One line: `ok: 21 nodes, 4 services, 21 replicas`.
  package static func summary(of plan: Plan) -> String {
    func count(_ number: Int, _ one: String, _ many: String) -> String {
      "\(number) \(number == 1 ? one : many)"
    }
    let replicas = plan.services.map(\.replicas.count).reduce(0, +)
    return "ok: " + count(plan.nodes.count, "node", "nodes") + ", "
      + count(plan.services.count, "service", "services") + ", "
      + count(replicas, "replica", "replicas") + "\n"
  }
}
