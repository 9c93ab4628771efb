import Coordinator
import Fleet
import Launch
import Plan
import Runs
import Testing

/// What a word of `muster restart` means.
struct NamedReplicasTests {
  private static func service(_ name: String, _ nodes: [String], after: [String] = [])
    -> Plan.Service
  {
    Plan.Service(
      name: name, recipe: "command", after: after,
      replicas: nodes.enumerated().map { index, node in
        Plan.Replica(index: index, node: node, launch: LaunchSpecification(argv: ["a"]))
      })
  }

  private static let plan = Plan(
    name: "test",
    nodes: ["g1", "g2", "g3", "idle"].map { Plan.Node(name: $0, link: .local) },
    services: [
      Self.service("policy", ["g1", "g2", "g3"]),
      Self.service("g3", ["g1"], after: ["policy"]),
    ])

  @Test(arguments: [
    ("policy", ["policy/0", "policy/1", "policy/2"]), ("policy/1", ["policy/1"]),
    ("g[1-2]", ["g3/0", "policy/0", "policy/1"]), ("g1,g2!g1", ["policy/1"]),
    // A service comes before a node of its name.
    ("g3", ["g3/0"]),
  ])
  func `a service, a replica, or all on some nodes`(text: String, keys: [String]) throws {
    #expect(try Self.plan.replicas(named: text).sorted().map(\.description) == keys)
  }

  @Test(arguments: [
    ("policy/3", "its replicas are 0 to 2"), ("policy/", "0 to 2"), ("policy/01", "0 to 2"),
    ("polcy", "its services are `policy`, `g3`, its nodes g[1-3],idle"), ("", "its services"),
    ("g[1-4]", "its services"), ("g[1", "its services"), ("idle", "its services"),
  ])
  func `what is not there is told with what is`(text: String, hint: String) throws {
    let fault = #expect(throws: RunFault.self) { try Self.plan.replicas(named: text) }
    #expect(fault?.cause == .request)
    #expect(fault?.diagnostics.first?.hints.first?.contains(hint) == true, "\(fault as Any)")
  }

  @Test func `a plan of some replicas has their nodes and nothing else`() throws {
    let part = Self.plan.only([ReplicaKey(service: "policy", index: 1)])
    #expect(part.nodes.map(\.name) == ["g2"])
    #expect(part.services.map(\.name) == ["policy"])
    #expect(part.services[0].replicas.map(\.index) == [1])
  }
}
