import Fleet
import FoundationEssentials
import Launch
import NodeAPI
import SwiftProtobuf
import Testing

/// What starts a replica arrives as it was sent: every field of it.
struct LaunchWireTests {
  private static let drawCount = 300

  @Test func `a replica of any kind is the same after its way over the wire and through its file`()
    throws
  {
    var draw = LaunchDraw(seed: 8)
    for _ in 0..<Self.drawCount {
      let replica = draw.replica()
      var request = Muster_V1_StartRequest()
      request.replicas = [Data(try replica.json())]
      let bytes: [UInt8] = try request.serializedBytes()
      let arrived = try Muster_V1_StartRequest(serializedBytes: bytes).replicas
      #expect(try arrived.map { try ReplicaSpecification(json: Array($0)) } == [replica])
    }
  }

  /// A field that is added and not drawn would be the same in all of them.
  @Test func `the replicas drawn differ in every field`() {
    var draw = LaunchDraw(seed: 8)
    #expect(Fields.constant(in: (0..<Self.drawCount).map { _ in draw.replica() }) == [])
  }

  @Test func `a replica that cannot be right does not arrive`() throws {
    var replica = ReplicaSpecification(
      key: ReplicaKey(service: "job", index: 1), launch: LaunchSpecification(argv: ["a"]))
    _ = try ReplicaSpecification(json: replica.json())
    replica.launch.argv = []
    #expect(throws: ReplicaFault.self) { try ReplicaSpecification(json: replica.json()) }
    #expect(throws: DecodingError.self) { try ReplicaSpecification(json: Array("{}".utf8)) }
  }
}

/// Replicas drawn at random, all of them right.
struct LaunchDraw {
  private var random: SplitMix64

  init(seed: UInt64) {
    self.random = SplitMix64(state: seed)
  }

  private mutating func number(_ range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &self.random)
  }

  private mutating func word() -> String { "w\(self.number(0...1_000_000))" }

  private mutating func maybe<Value>(_ value: (inout Self) -> Value) -> Value? {
    Bool.random(using: &self.random) ? value(&self) : nil
  }

  private mutating func list<Value>(_ value: (inout Self) -> Value) -> [Value] {
    (0..<self.number(0...3)).map { _ in value(&self) }
  }

  private mutating func probe() -> ReadinessProbe {
    switch self.number(0...3) {
    case 0: .http(port: self.number(1...65_535), path: "/\(self.word())")
    case 1: .tcp(port: self.number(1...65_535))
    case 2: .log(contains: self.word())
    default: .exec(argv: [self.word(), "", "a b"])
    }
  }

  private mutating func model(argumentCount: Int) -> ModelServer {
    var model = ModelServer(
      host: self.maybe { $0.word() } ?? "", port: self.number(1...65_535), model: self.word(),
      keyVariable: self.maybe { $0.word() }, metricsPath: "/\(self.word())",
      healthPath: self.maybe { "/\($0.word())" })
    model.keyArgument = self.maybe { $0.number(0...argumentCount - 1) }
    model.parsesReasoning = Bool.random(using: &self.random)
    return model
  }

  mutating func replica() -> ReplicaSpecification {
    let argv = [self.word()] + self.list { $0.word() }
    var launch = LaunchSpecification(
      argv: argv, environment: self.list { EnvironmentVariable($0.word(), $0.word()) },
      secrets: self.list { $0.word() }, folder: self.maybe { "/\($0.word())" } ?? "",
      probe: self.maybe { $0.probe() }, readyTimeoutSeconds: self.number(1...86_400),
      progressMarks: self.list { $0.word() }, isTask: Bool.random(using: &self.random),
      stopGraceSeconds: self.number(0...3600), ports: self.list { $0.number(1...65_535) },
      folders: self.list { "/\($0.word())" },
      model: self.maybe { $0.model(argumentCount: argv.count) })
    launch.neededFolders = self.list { "/\($0.word())" }
    launch.restartCountMax = self.maybe { $0.number(1...1000) }
    launch.cores = self.maybe { draw in
      let count = draw.number(1...1024)
      return CoreShare(
        index: draw.number(0...count - 1), count: count, variable: draw.maybe { $0.word() })
    }
    launch.metrics = self.maybe {
      MetricsPlace(port: $0.number(1...65_535), path: "/\($0.word())")
    }
    launch.devices = self.maybe { draw in
      DeviceNeed(count: draw.number(0...1024), variables: draw.list { $0.word() })
    }
    launch.role = self.maybe { $0.word() }
    return ReplicaSpecification(
      key: ReplicaKey(service: self.word(), index: self.number(0...4095)), launch: launch)
  }
}
