import Launch
import Testing

/// What follows from what starts a replica.
struct LaunchTests {
  private static let model = ModelServer(port: 8000, model: "tiny", keyVariable: "KEY")

  private static func launch(
    argv: [String] = ["a"], _ environment: [EnvironmentVariable] = [], secrets: [String] = []
  ) -> LaunchSpecification {
    LaunchSpecification(
      argv: argv, environment: environment, secrets: secrets, model: Self.model)
  }

  @Test func `a probe that is declared makes it ready, else a model does, else its life`() {
    var launch = Self.launch()
    #expect(launch.readiness == .canary(Self.model))
    launch.probe = .tcp(port: 1)
    #expect(launch.readiness == .probe(.tcp(port: 1)))
    #expect(LaunchSpecification(argv: ["a"]).readiness == .life)
  }

  @Test func `metrics are the model's, unless the manifest says where`() {
    var launch = Self.launch()
    #expect(launch.metricsPlace == MetricsPlace(port: 8000, path: "/metrics"))
    launch.metrics = MetricsPlace(port: 9, path: "/m")
    #expect(launch.metricsPlace == MetricsPlace(port: 9, path: "/m"))
    #expect(LaunchSpecification(argv: ["a"]).metricsPlace == nil)
  }

  @Test func `a key is asked for where one is given, and an argument wins over the variable`() {
    #expect(Self.launch().keyVariable == nil)
    #expect(Self.launch(secrets: ["KEY"]).keyVariable == "KEY")
    #expect(Self.launch([EnvironmentVariable("KEY", "k")]).keyVariable == "KEY")
    var launch = Self.launch(argv: ["a", "--key", "k1"])
    #expect(launch.keyVariable == nil)
    launch.model?.keyArgument = 2
    #expect(launch.keyVariable == "KEY")
    #expect(launch.model?.key(argv: launch.argv, environment: ["KEY": "k2"]) == "k1")
    #expect(Self.model.key(argv: launch.argv, environment: ["KEY": "k2"]) == "k2")
    #expect(Self.model.key(argv: launch.argv, environment: [:]) == "")
  }

  @Test func `devices are those of the first variable that is set, else the first ones`() {
    var launch = Self.launch([
      EnvironmentVariable("B", "5"), EnvironmentVariable("B", "2, 3"),
      EnvironmentVariable("B", "2,3"),
    ])
    #expect(launch.visibleDevices == [])
    launch.devices = DeviceNeed(count: 2, variables: ["A"])
    #expect(launch.visibleDevices == [0, 1])
    launch.devices?.variables.append("B")
    #expect(launch.visibleDevices == [2, 3])
  }

  @Test(arguments: [("10.0.0.1", "http://10.0.0.1:80/v1"), ("::1", "http://[::1]:80/v1")])
  func `an address of IPv6 stands in brackets`(address: String, url: String) {
    #expect(ModelServer.baseURL(address, 80) == url)
  }

  @Test(arguments: [
    ("policy/0", "policy/0"), ("a/b/12", "a/b/12"), ("policy", nil), ("/1", nil), ("a/-1", nil),
    ("a/x", nil), ("", nil),
  ])
  func `a key reads back what it shows`(text: String, key: String?) {
    #expect(ReplicaKey(text)?.description == key)
  }
}
