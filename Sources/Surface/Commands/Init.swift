import ArgumentParser
import Fleet
import Glibc
import Manifest
import OperatingSystem

struct Init: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes a commented manifest, also from a list of hosts.",
    discussion: """
      Without hosts the manifest has this machine as its one node. A host file has one entry a \
      line: `host`, `user@host:port`, `host slots=8`, or a node set such as `gpu[01-08]`; those of \
      Open MPI, MPICH, DeepSpeed, PBS and Slurm are read too.
      """)

  @Argument(help: "Where to write; standard output without it. Never overwrites a file.")
  var path: String?

  @Option(help: "A node set: gpu[01-08,11].")
  var hosts: String?

  @Option(help: "A file with one host a line; - reads standard input.")
  var fromHostfile: String?

  func validate() throws {
    if self.hosts != nil, self.fromHostfile != nil {
      throw ValidationError("`--hosts` and `--from-hostfile` exclude each other")
    }
  }

  func run() throws {
    var list = HostFile()
    var faults: [Diagnostic] = []
    if let hosts = self.hosts {
      (list, faults) = HostFile.read(hosts, file: "--hosts")
    } else if let file = self.fromHostfile {
      (list, faults) = HostFile.read(try ManifestFile.text(at: file), file: file)
      if list.entries.isEmpty, faults.isEmpty {
        faults = [Diagnostic(code: "no-hosts", "host file `\(file)` names no hosts")]
      }
    }
    guard faults.isEmpty else { throw CommandFailure(.failed, faults) }
    let text = StarterManifest.text(hosts: list, name: "first-run")
    guard let path = self.path else {
      StandardStreams.data(text)
      return
    }
    try Self.create(path, text)
    StandardStreams.say("wrote \(path); next: `muster check \(path)`")
  }

  private static func create(_ path: String, _ text: String) throws {
    do throws(SystemFault) {
      try OpenFile(path: path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
        .write(Array(text.utf8), at: 0)
    } catch {
      throw CommandFailure(
        .environment, code: "unwritable-file", "`\(path)`: \(error.reason)",
        hints: error.code == EEXIST ? ["name another path, or move the file away"] : [])
    }
  }
}
