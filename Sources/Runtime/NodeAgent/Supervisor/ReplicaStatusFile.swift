import Health
import OperatingSystem

/// The phase of a replica as it was shown last: for people, and for the daemon that comes after.
struct ReplicaStatusFile: Sendable {
  private static let sizeMax = 64 << 10

  var attempt: Int
  var phase: ReplicaPhase
  var isUnproven: Bool
  var reason: String

  init(_ status: ReplicaStatus) {
    self.attempt = status.attempt
    self.phase = status.state
    self.isUnproven = status.isUnproven
    self.reason = String(status.reason.map { $0 == "\n" ? " " : $0 })
  }

  /// `nil` where there is none.
  init?(at path: String) {
    guard let bytes = try? PlainFile.read(path, sizeMax: Self.sizeMax) else { return nil }
    let lines = ProcessRecord.fields(of: String(decoding: bytes, as: UTF8.self))
    guard let attempt = lines["attempt"].flatMap({ Int($0) }),
      let phase = lines["phase"].flatMap({ ReplicaPhase(rawValue: $0) })
    else { return nil }
    self.attempt = attempt
    self.phase = phase
    self.isUnproven = lines["unproven"] == "true"
    self.reason = lines["reason"] ?? ""
  }

  func publish(at path: String) throws(SystemFault) {
    let text = """
      attempt \(self.attempt)
      phase \(self.phase.rawValue)
      unproven \(self.isUnproven)
      reason \(self.reason)

      """
    try PlainFile.publish(Array(text.utf8), at: path)
  }

  /// Where a new daemon takes up a replica that the one before it left like this.
  var adoption: ReplicaAdoption {
    switch self.phase {
    case .ready, .busy, .stalled: .ready(isUnproven: self.isUnproven)
    case .stopping, .stopped: .stopping
    case .failed: .failed(reason: self.reason)
    case .waiting, .starting, .loading, .canary, .draining, .backoff: .coming
    }
  }
}
