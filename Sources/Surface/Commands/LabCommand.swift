import ArgumentParser
import Fleet
import Glibc
import Lab

struct LabCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lab",
    abstract: "Run real SSH hosts on this machine, as any user, to try things on.",
    subcommands: [LabUp.self, LabDown.self, LabStatus.self])
}

struct LabLocation: ParsableArguments {
  @Option(help: "The lab's folder: keys, known_hosts, logs and nodes.yaml.")
  var folder = ".lab"

  /// Its hosts have the PATH and the home of whoever starts it.
  var lab: Lab {
    let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
    return Lab(
      folder: ManifestFile.absolute(self.folder),
      environment: ["PATH": path, "HOME": ManifestFile.home])
  }
}

struct LabUp: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "up", abstract: "Start the hosts that do not run, and wait until they answer.")

  @Argument(help: "How many hosts, 1 to 64.")
  var count = 4

  @OptionGroup var location: LabLocation

  func validate() throws {
    try Self.check("count", self.count, in: 1...LabHost.countMax)
  }

  func run() async throws {
    let lab = self.location.lab
    let (hosts, startedCount) = try await lab.up(
      count: self.count, user: ManifestFile.user, clock: ContinuousClock())
    let nodes = NodeSet(hosts.map { NodeName($0.name) }).folded
    StandardStreams.say("lab: \(nodes) up, \(startedCount) started")
    StandardStreams.data("\(lab.manifestPath)\n")
  }
}

struct LabDown: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "down", abstract: "End the hosts and remove the lab's folder.")

  @OptionGroup var location: LabLocation

  func run() async throws {
    try await self.location.lab.down(clock: ContinuousClock())
    StandardStreams.say("lab: nothing is left")
  }
}

struct LabStatus: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show which hosts run.")

  @OptionGroup var location: LabLocation

  func run() async throws {
    for (host, isRunning) in try self.location.lab.status() {
      let state = isRunning ? "up" : "down"
      StandardStreams.data("\(host.name)  \(host.address):\(host.port)  \(state)\n")
    }
  }
}

extension LabError {
  var diagnostic: Diagnostic {
    switch self {
    case .missingProgram(let program, let package):
      Diagnostic(
        code: "no-program", "`\(program)` is not on this machine",
        hints: ["`apt-get install \(package)`"])
    case .noLab(let folder):
      Diagnostic(
        code: "no-lab", "`\(folder)` is no lab", hints: ["`muster lab up` makes one; see --folder"])
    case .locked(let folder):
      Diagnostic(code: "lab-locked", "another `muster lab` works on `\(folder)`")
    case .silent(let host, let lines):
      Diagnostic(
        code: "lab-silent", "the sshd of \(host) does not answer",
        causes: lines.map { "log: \($0)" })
    case .failed(let operation, let reason):
      Diagnostic(code: "lab-failed", "cannot \(operation): \(reason)")
    }
  }
}
