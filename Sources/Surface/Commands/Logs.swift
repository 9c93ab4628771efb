import ArgumentParser
import Coordinator
import Fleet
import Launch
import Plan
import Runs
import Synchronization

struct Logs: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the logs of a service's replicas.",
    discussion: "With more than one replica each line begins with the replica and its node.")

  @OptionGroup var selection: RunSelection

  @Argument(help: "A service, or one of its replicas as SERVICE/INDEX.")
  var service: String

  @Flag(name: .shortAndLong, help: "Go on as the logs grow.")
  var follow = false

  @Option(name: [.customShort("n"), .long], help: "Lines from the end to begin with.")
  var lines = 100

  func validate() throws {
    try Self.check("lines", self.lines, in: 0...Int(Int32.max))
  }

  mutating func run() async throws {
    let fleet = try FleetContext(self.selection)
    let run = try await fleet.liveRun()
    let replicas = try self.replicas(of: run.plan)
    let lines = Dictionary(
      uniqueKeysWithValues: replicas.map { key, node in
        (key, LogLines(prefix: replicas.count > 1 ? "\(key) \(node.name) | " : ""))
      })
    let (count, follow) = (self.lines, self.follow)
    try await Interruption.guarding(hint: "the services run on") {
      defer { for (key, _) in replicas { lines[key]?.finish() } }
      let faults = try await fleet.logs(
        of: replicas, in: run, lastLineCount: count, follow: follow
      ) { lines[$0]?.print($1) }
      try Task.checkCancellation()
      if !faults.isEmpty { throw CommandFailure(.environment, faults.map(\.fault).folded()) }
    }
  }

  private func replicas(of plan: Plan) throws -> [(key: ReplicaKey, node: Plan.Node)] {
    let parts = self.service.split(separator: "/", maxSplits: 1).map(String.init)
    guard let name = parts.first, let service = plan.services.first(where: { $0.name == name })
    else {
      let known = plan.services.map { "`\($0.name)`" }.joined(separator: ", ")
      throw CommandFailure(
        .failed, code: "unknown-service", "no service `\(self.service)` in this run",
        hints: ["its services are \(known)"])
    }
    let wanted = service.replicas.filter { parts.count == 1 || "\($0.index)" == parts[1] }
    let found = wanted.compactMap { replica in
      plan.nodes.first { $0.name == replica.node }
        .map { (ReplicaKey(service: name, index: replica.index), $0) }
    }
    guard !found.isEmpty else {
      throw CommandFailure(
        .failed, code: "unknown-replica",
        "service `\(name)` has no replica `\(parts.last ?? "")`",
        hints: ["its replicas are 0 to \(service.replicas.count - 1)"])
    }
    return found
  }
}

/// Whole lines of one log on standard output, so that those of several replicas do not mix.
final class LogLines: Sendable {
  /// A line without an end is passed on in pieces of this size.
  private static let lineSizeMax = 64 << 10

  private let prefix: [UInt8]
  private let write: @Sendable ([UInt8]) -> Void
  private let rest = Mutex<[UInt8]>([])

  init(
    prefix: String, write: @escaping @Sendable ([UInt8]) -> Void = { StandardStreams.data($0) }
  ) {
    self.prefix = Array(prefix.utf8)
    self.write = write
  }

  func print(_ bytes: [UInt8]) {
    let output = self.rest.withLock { rest in
      rest += bytes
      var output: [UInt8] = []
      while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        output += self.prefix + rest[...end]
        rest.removeSubrange(...end)
      }
      if rest.count > Self.lineSizeMax {
        output += self.prefix + rest + [UInt8(ascii: "\n")]
        rest = []
      }
      return output
    }
    if !output.isEmpty { self.write(output) }
  }

  func finish() {
    if self.rest.withLock({ !$0.isEmpty }) { self.print([UInt8(ascii: "\n")]) }
  }
}
