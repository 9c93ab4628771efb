import Fleet
import Foundation
import Health
import Launch
import NodeAPI
import Testing

/// What an agent says of a replica arrives as it was said.
struct StatusWireTests {
  private static func statuses() -> [ReplicaStatus] {
    var random = SplitMix64(state: 8)
    func number() -> Int { Int.random(in: 0...1_000_000, using: &random) }
    return (0..<200).map { _ in
      var status = ReplicaStatus(
        key: ReplicaKey(service: "s\(number())", index: number()),
        state: ReplicaPhase.allCases[number() % ReplicaPhase.allCases.count])
      status.reason = "r\(number())"
      status.sinceMilliseconds = Int64(number())
      status.processID = Int64(number())
      status.end =
        [nil, .exited(status: Int32(number() % 256)), .signalled(Int32(number() % 64 + 1))][
          number() % 3]
      status.attempt = number()
      status.startedBy = number() % 2 == 0 ? nil : UInt64(number())
      status.lastLogLines = (0..<number() % 4).map { _ in "l\(number())" }
      status.isUnproven = number() % 2 == 0
      status.logPath = "/\(number())"
      status.systemFingerprint = "f\(number())"
      return status
    }
  }

  @Test func `a status is the same after its way over the wire`() {
    for status in Self.statuses() {
      #expect(ReplicaStatus(Muster_V1_ReplicaStatus(status)) == status)
    }
  }

  @Test func `the statuses drawn differ in every field`() {
    #expect(Fields.constant(in: Self.statuses()) == [])
  }

  /// Of an agent of another version, or one that lies: it is left out, never shown as something else.
  @Test func `a state that is not known, or a number that none gives, is no status`() {
    #expect(ReplicaStatus(Muster_V1_ReplicaStatus()) == nil)
    var status = ReplicaStatus(key: ReplicaKey(service: "s", index: 0), state: .ready)
    var message = Muster_V1_ReplicaStatus(status)
    let text = String(decoding: message.json, as: UTF8.self)
    message.json = Data(text.replacing(#""ready""#, with: #""steady""#).utf8)
    #expect(ReplicaStatus(message) == nil)
    status.attempt = .max
    #expect(ReplicaStatus(Muster_V1_ReplicaStatus(status)) == nil)
  }
}
