import Fleet
import Launch
import Manifest
import Testing

@testable import Plan
@testable import Recipes

/// A service whose replicas are not all alike.
@Suite struct RoleTests {
  /// A head, and workers that go to it.
  private static func templates(
    of service: ManifestService, _ faults: inout ManifestFaults
  ) -> [LaunchTemplate]? {
    guard service.name == "gang" else { return Recipe.templates(for: service, faults: &faults) }
    return [("head", ["start", "--head"]), ("worker", ["start", "{head.address}:{head.port}"])].map
    {
      role, argv in
      var launch = LaunchSpecification(argv: argv + ["{rank}", "{worker.node}"], ports: [6000])
      launch.role = role
      return LaunchTemplate(
        launch: launch, argvLocation: service.location, portsLocation: service.location,
        fingerprintInputs: [])
    }
  }

  private static func plan(nodes: String) throws -> Planner.Result {
    let (manifest, _) = ManifestReader.read(
      """
      muster: 1
      nodes: \(nodes)
      services:
        gang: {recipe: command, run: "true"}
        other: {recipe: command, run: "sleep {head.node}"}
      """, file: "m.yaml")
    return Planner.plan(
      try #require(manifest), context: PlannerTests.context, templates: Self.templates)
  }

  @Test func `roles are taken in the order of placement, and each knows where the others are`()
    throws
  {
    let plan = try #require(try Self.plan(nodes: "n[1-3]").plan)
    let gang = try #require(plan.services.first { $0.name == "gang" })
    #expect(gang.replicas.map(\.launch.role) == ["head", "worker", "worker"])
    #expect(
      gang.replicas.map { $0.launch.argv.joined(separator: " ") } == [
        "start --head 0 n2", "start n1:6000 1 n2", "start n1:6000 2 n2",
      ])
    // The replicas of a service without roles are all alike; the first is their head.
    let other = try #require(plan.services.first { $0.name == "other" })
    #expect(other.replicas.map(\.launch.role) == [nil, nil, nil])
    #expect(other.replicas.map { $0.launch.argv.last } == Array(repeating: "sleep n1", count: 3))
    let table = PlanTable.text(plan, hash: "0")
    #expect(table.contains("role     head\n") && table.contains("role     worker\n"))
  }

  @Test func `a role that nobody has taken has no place`() throws {
    let result = try Self.plan(nodes: "n1")
    #expect(result.diagnostics.map(\.code) == ["unknown-placeholder"])
  }
}
