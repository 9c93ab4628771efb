import Testing

@testable import Launch

/// What an agent refuses to start.
struct ReplicaCheckTests {
  private static let good = ReplicaSpecification(
    key: ReplicaKey(service: "job", index: 0),
    launch: LaunchSpecification(
      argv: ["/bin/true"], model: ModelServer(port: 8000, model: "tiny", keyVariable: "KEY")))

  @Test(
    arguments: [
      { (replica: inout ReplicaSpecification) in replica.launch.argv = [] },
      { replica in replica.launch.argv = [""] },
      { replica in replica.key.service = "../x" }, { replica in replica.key.service = "" },
      { replica in replica.key.service = String(repeating: "s", count: 63) },
      { replica in replica.launch.readyTimeoutSeconds = 0 },
      { replica in replica.launch.readyTimeoutSeconds = 86_401 },
      { replica in replica.launch.stopGraceSeconds = 3601 },
      { replica in replica.launch.restartCountMax = 1001 },
      { replica in replica.launch.ports = [0] }, { replica in replica.launch.ports = [65_536] },
      { replica in replica.launch.folder = "relative" },
      { replica in replica.launch.folders = ["relative"] },
      { replica in replica.launch.neededFolders = ["a\0b"] },
      { replica in replica.launch.secrets = ["A=B"] },
      { replica in replica.launch.environment = [EnvironmentVariable("1A", "")] },
      { replica in replica.launch.argv = ["a\0b"] },
      { replica in replica.launch.argv = [String(repeating: "a", count: 1 << 20)] },
      { replica in replica.launch.progressMarks = Array(repeating: "a", count: 4097) },
      { replica in replica.launch.cores = CoreShare(index: 2, count: 2) },
      { replica in replica.launch.cores = CoreShare(index: 0, count: 1, variable: "A B") },
      { replica in replica.launch.devices = DeviceNeed(count: 1025, variables: []) },
      { replica in replica.launch.devices = DeviceNeed(count: 1, variables: ["A,B"]) },
      { replica in replica.launch.metrics = MetricsPlace(port: 0, path: "/metrics") },
      { replica in replica.launch.metrics = MetricsPlace(port: 1, path: "metrics") },
      { replica in replica.launch.model?.port = 0 },
      { replica in replica.launch.model?.model = "" },
      { replica in replica.launch.model?.metricsPath = "/a b" },
      { replica in replica.launch.model?.healthPath = "x" },
      { replica in replica.launch.model?.keyVariable = "" },
      { replica in replica.launch.model?.keyArgument = 1 },
      { replica in replica.launch.probe = .http(port: 1, path: "no slash") },
      { replica in replica.launch.probe = .http(port: 0, path: "/") },
      { replica in replica.launch.probe = .tcp(port: 0) },
      { replica in replica.launch.probe = .exec(argv: []) },
      { replica in replica.launch.probe = .log(contains: "") },
    ] as [@Sendable (inout ReplicaSpecification) -> Void])
  func `a description that cannot be right is refused`(
    change: @Sendable (inout ReplicaSpecification) -> Void
  ) throws {
    var replica = Self.good
    try replica.check()
    change(&replica)
    #expect(throws: ReplicaFault.self) { try replica.check() }
  }

  @Test func `a fault names the replica`() {
    var replica = Self.good
    replica.launch.argv = []
    #expect(throws: ReplicaFault(key: replica.key, reason: "no program")) { try replica.check() }
    #expect("\(ReplicaFault(key: replica.key, reason: "x"))" == "replica job/0: x")
  }
}
