import Health
import Launch
import OperatingSystem
import Testing

@testable import NodeAgent

/// What a daemon leaves to the next one.
@Suite struct ReplicaRecordsTests {
  @Test(arguments: [
    (ReplicaPhase.ready, ReplicaAdoption.ready(isUnproven: false)),
    (.busy, .ready(isUnproven: false)), (.stalled, .ready(isUnproven: false)),
    (.loading, .coming), (.stopping, .stopping), (.failed, .failed(reason: "why")),
  ])
  func `a replica is taken up where the daemon before left it`(
    state: ReplicaPhase, adoption: ReplicaAdoption
  ) {
    var status = ReplicaStatus(key: ReplicaKey(service: "job", index: 0), state: state)
    status.reason = "why"
    #expect(ReplicaStatusFile(status).adoption == adoption)
  }

  @Test func `a record of a process survives its file`() {
    let start = ProcessRecord.Start(
      bootID: "b-1", holder: .init(processID: 3, startTicks: 4),
      main: .init(processID: 5, startTicks: 6), startedAtMilliseconds: 7)
    let contents: [ProcessRecord.Content] = [
      .launchFailed("cannot start `x`: No such file"), .launched(start, end: nil),
      .launched(start, end: .exited(status: 0)), .launched(start, end: .signalled(9)),
    ]
    for content in contents {
      #expect(ProcessRecord(parsing: ProcessRecord(content).text)?.content == content)
    }
    #expect(ProcessRecord(parsing: "boot b\nholder 1\n") == nil)
    #expect(ProcessRecord(parsing: "") == nil)
  }
}
