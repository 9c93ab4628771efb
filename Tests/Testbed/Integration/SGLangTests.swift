import Foundation
import Testing

/// A second make of engine as a user runs it: the stub in SGLang's manner on real sshd hosts.
@Suite(
  .serialized,
  .enabled(if: LabCluster.sshdIsHere, "SKIPPED: no /usr/sbin/sshd (apt-get install openssh-server)")
)
struct SGLangTests {
  private struct Sight: Decodable {
    struct Replica: Decodable {
      var state: String
      var running: Double?
      var waiting: Double?
      var tokens: Double?

      enum CodingKeys: String, CodingKey {
        case state, running, waiting
        case tokens = "generation_tokens_per_second"
      }
    }

    var replicas: [Replica]
  }

  private struct Endpoints: Decodable {
    struct Service: Decodable {
      struct Endpoint: Decodable {
        var baseURL: String
        var ready: Bool

        enum CodingKeys: String, CodingKey {
          case ready
          case baseURL = "base_url"
        }
      }

      var model: String
      var endpoints: [Endpoint]
    }

    var services: [Service]
  }

  private static func services(port: Int) -> String {
    """
      policy:
        recipe: sglang
        executable: \(BuiltProgram.products.appending(path: "stub-model-server").path())
        model: org/tiny
        served_model_name: tiny
        port: \(port)
        extra_args: [--stub-step-seconds, "0.02"]
    """
  }

  private static func decoded<Value: Decodable>(_ ending: BuiltProgram.Ending) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(ending.output.utf8))
  }

  @Test func `it comes up by its canary, is seen in top and named by endpoints`() throws {
    let port = Int.random(in: 20000..<30000)
    try LabCluster.with(hostCount: 2, services: Self.services(port: port)) { cluster in
      let up = try cluster.muster(["up", cluster.manifest])
      #expect(up.status == 0, "\(up.talk)")
      // Its canaries moved its counters and left its gauges as they were then.
      let top = try cluster.muster([
        "top", cluster.manifest, "--once", "--interval", "1", "--format", "json",
      ])
      #expect(top.status == 0, "\(top.talk)")
      let sight: Sight = try Self.decoded(top)
      #expect(sight.replicas.map(\.state) == ["ready", "ready"])
      for replica in sight.replicas {
        #expect(replica.running != nil && replica.waiting != nil && replica.tokens != nil)
      }
      let answer = try cluster.muster(["endpoints", cluster.manifest, "--format", "json"])
      #expect(answer.status == 0, "\(answer.talk)")
      let endpoints: Endpoints = try Self.decoded(answer)
      #expect(endpoints.services.map(\.model) == ["tiny"])
      let places = endpoints.services.flatMap(\.endpoints)
      #expect(places.count == 2 && places.allSatisfy(\.ready))
      #expect(places.allSatisfy { $0.baseURL.hasSuffix("/v1") })
      #expect(try cluster.muster(["down", cluster.manifest]).status == 0)
    }
  }
}
