import Fleet
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

  @Test func `each phase has a state of its own, and each state a phase`() {
    let states = ReplicaPhase.allCases.map { phase in
      Muster_V1_ReplicaStatus(ReplicaStatus(key: ReplicaKey(service: "s", index: 0), state: phase))
        .state
    }
    #expect(Set(states).count == states.count)
    #expect(states.map { ReplicaPhase($0) } == ReplicaPhase.allCases)
    #expect(Set(states).union([.unspecified]) == Set(Muster_V1_ReplicaState.allCases))
  }

  /// Of an agent of another version: it is left out, never shown as something else.
  @Test func `a state that is not known is no status`() {
    var status = Muster_V1_ReplicaStatus()
    status.service = "s"
    #expect(ReplicaStatus(status) == nil)
    status.state = .UNRECOGNIZED(99)
    #expect(ReplicaStatus(status) == nil)
  }
}
