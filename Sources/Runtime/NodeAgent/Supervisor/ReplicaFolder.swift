import Fleet
import Glibc
import Health
import Launch
import NodeAPI
import OperatingSystem

/// The folder of one replica, below the run's state folder.
///
/// ```
/// spec.json          what it was started with; no values of secrets
/// status             its phase, as shown last
/// env.sh  launch.sh  how a person starts it by hand
/// attempt-1/         the last ten attempts, each with
///   output.log       what the process wrote; output.1.log to output.4.log: before that
///   record           which process it was, and how it ended
/// latest             a link to the folder of the last attempt
/// ```
package struct ReplicaFolder: Equatable, Sendable {
  package let path: String

  package init(_ path: String) {
    self.path = path
  }

  init(of key: ReplicaKey, in state: StateFolder) {
    self.init("\(state.path)/\(key.folderName)")
  }

  var spec: String { "\(self.path)/spec.json" }
  var status: String { "\(self.path)/status" }

  /// With what the replica was started last.
  func specification() throws -> ReplicaSpecification {
    try ReplicaSpecification(
      json: try PlainFile.read(self.spec, sizeMax: NodeLimits.messageSizeMax))
  }

  /// Attempts whose folders are kept.
  private static let attemptCountMax = 10

  private func folder(ofAttempt attempt: Int) -> String { "\(self.path)/attempt-\(attempt)" }

  package func log(ofAttempt attempt: Int) -> String {
    "\(self.folder(ofAttempt: attempt))/output.log"
  }

  func record(ofAttempt attempt: Int) -> String { "\(self.folder(ofAttempt: attempt))/record" }

  /// Makes the folder of an attempt with its empty log, makes `latest` point to it, and removes the
  /// oldest.
  func prepareLog(ofAttempt attempt: Int) throws(SystemFault) {
    let folder = self.folder(ofAttempt: attempt)
    try PlainFile.makeFolders(folder)
    let old = self.folder(ofAttempt: attempt - Self.attemptCountMax)
    for name in (try? PlainFile.names(in: old)) ?? [] { unlink("\(old)/\(name)") }
    rmdir(old)
    close(try PlainFile.openEnd(of: self.log(ofAttempt: attempt)))
    let temporary = "\(self.path)/latest.new"
    unlink(temporary)
    try SystemFault.check("make link \(temporary)") {
      symlink("attempt-\(attempt)", temporary)
    }
    try SystemFault.check("rename \(temporary)") { rename(temporary, "\(self.path)/latest") }
  }
}

/// What a holder wrote about its process: the one thing that a daemon which starts anew knows.
enum ProcessRecord: Codable, Equatable, Sendable {
  struct Start: Codable, Equatable, Sendable {
    /// Of the machine: with another one, process numbers mean nothing.
    var bootID: String
    var holder: ProcessStat.Identity
    var main: ProcessStat.Identity
  }

  /// Its holder is about to start it; written before that, so that no process is without a record.
  case launching
  /// In words: which program or folder, and what is wrong with it.
  case launchFailed(String)
  case launched(Start, end: ProcessEnd?)

  private static let sizeMax = 64 << 10

  /// `nil` where there is no whole record (yet).
  static func read(at path: String) -> ProcessRecord? {
    try? CanonicalJSON.value(from: PlainFile.read(path, sizeMax: Self.sizeMax))
  }

  func publish(at path: String) throws {
    try PlainFile.publish(try CanonicalJSON.bytes(of: self), at: path, durably: true)
  }
}

/// A status as it was shown last: for people, and for the daemon that comes after.
extension ReplicaStatus {
  private static let sizeMax = 1 << 20

  /// Attempts are counted on from here.
  private static let attempts = 1...Int(Int32.max)

  /// `nil` where there is none that can be.
  static func read(at path: String) -> ReplicaStatus? {
    let status: ReplicaStatus? = try? CanonicalJSON.value(
      from: PlainFile.read(path, sizeMax: Self.sizeMax))
    return status.flatMap { Self.attempts.contains($0.attempt) ? $0 : nil }
  }

  func publish(at path: String) throws {
    try PlainFile.publish(try CanonicalJSON.bytes(of: self), at: path)
  }
}
