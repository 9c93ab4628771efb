import Coordinator
import Fleet
import Health
import Launch
import Testing

struct UnlikeReplicasTests {
  private static func report(_ index: Int, _ fingerprint: String) -> ReplicaReport {
    var report = ReplicaReport(
      node: "n\(index)", key: ReplicaKey(service: "policy", index: index), state: .ready)
    report.systemFingerprint = fingerprint
    return report
  }

  @Test func `replicas of other fingerprints are named, the outliers last`() {
    let reports = [Self.report(1, "b"), Self.report(2, "a"), Self.report(3, "a")]
    let warnings = reports.startedUnlike()
    #expect(warnings.map(\.summary) == ["the replicas of `policy` were not started alike"])
    #expect(warnings.first?.causes == ["`a` on n[2-3]", "`b` on n1"])
  }

  @Test func `what is unknown is no difference`() {
    #expect([Self.report(1, "a"), Self.report(2, ""), Self.report(3, "a")].startedUnlike() == [])
  }
}
