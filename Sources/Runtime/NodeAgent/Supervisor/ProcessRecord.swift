import Fleet
import Health
import OperatingSystem

/// What a holder wrote about its process: the one thing that a daemon which starts anew knows.
enum ProcessRecord: Codable, Equatable, Sendable {
  struct Start: Codable, Equatable, Sendable {
    /// Of the machine: with another one, process numbers mean nothing.
    var bootID: String
    var holder: ProcessStat.Identity
    var main: ProcessStat.Identity
  }

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

  /// `nil` where there is none.
  static func read(at path: String) -> ReplicaStatus? {
    try? CanonicalJSON.value(from: PlainFile.read(path, sizeMax: Self.sizeMax))
  }

  func publish(at path: String) throws {
    try PlainFile.publish(try CanonicalJSON.bytes(of: self), at: path)
  }
}
