import ArgumentParser
import Coordinator
import Fleet
import FleetView
import Runs

struct Collect: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Pack what a report of a fault needs into one file, without secrets.",
    discussion: """
      The plan, the journal, the present states, what the nodes have noted, the last lines of each \
      log, and versions. Taken out are the values of the manifest's secrets that are in the \
      environment, and what has the shape of a token or password; names of users and hosts stay. \
      Look at it before you pass it on.
      Exit status: 2 a node does not answer; what is known without it is packed all the same.
      """)

  @OptionGroup var selection: RunSelection

  @Option(help: "The file; default: NAME-RUN.tar.gz here.")
  var output: String?

  mutating func run() async throws {
    let fleet = try FleetContext(self.selection)
    let run = try await fleet.liveOrLatestRun()
    let path = ManifestFile.absolute(self.output ?? "\(FaultBundle.name(of: run)).tar.gz")
    let faults = try await FaultBundle(run, fleet, path: path).pack(versions: Self.versions())
    StandardStreams.data("\(path)\n")
    guard faults.isEmpty else { throw CommandFailure(.environment, faults.folded()) }
  }

  private static func versions() throws -> String {
    var text = "muster \(Muster.configuration.version)\n"
    text += "libssh2 \(FleetLinks.libraryVersion)\n"
    text += "agent \(try AgentLocation.path())\n"
    text += "system \((try? ManifestFile.text(at: "/proc/version")) ?? "unknown\n")"
    return text
  }
}
