import Fleet
import Foundation
import NIOPosix
import Plan
import Rollouts
import Runs
import Testing

struct EvalRunsTests {
  private let root = FileManager.default.temporaryDirectory
    .appending(path: "eval-runs-\(UUID().uuidString)").path()

  private func fleet(_ nodes: [String], secrets: [String] = []) throws -> FleetContext {
    var plan = Plan(
      name: "eval", nodes: nodes.map { Plan.Node(name: $0, link: .local) }, services: [])
    plan.secrets = secrets
    return FleetContext(
      plan: plan, runsFolder: "\(self.root)/runs",
      links: try FleetLinks(
        agent: "/bin/true", cacheFolder: "\(self.root)/cache",
        group: MultiThreadedEventLoopGroup.singleton, seed: 1),
      surroundings: Surroundings(
        coordinator: "me", milliseconds: { 1_795_241_700_000 }, variable: { _ in nil },
        draw: { 1 }, say: { _ in }, tell: { _ in }))
  }

  @Test func `an eval goes on with other nodes, more or fewer, and not with another plan`() throws {
    defer { try? FileManager.default.removeItem(atPath: self.root) }
    let work = try WorkPlan(kind: "test", specification: Array("{}".utf8), taskCount: 3)
    let run = try self.fleet(["n1", "n2"]).newRun(workPlan: work)
    for nodes in [["n1", "n2"], ["n2", "n1"], ["n3"], ["n1", "n2", "n3"]] {
      #expect(try self.fleet(nodes).evalToResume(named: nil).id == run.id, "\(nodes)")
      #expect(try self.fleet(nodes).evalToResume(named: run.id).id == run.id, "\(nodes)")
    }
    let fault = #expect(throws: RunFault.self) {
      _ = try self.fleet(["n3"], secrets: ["KEY"]).evalToResume(named: nil)
    }
    #expect(fault?.diagnostics.map(\.code) == ["nothing-to-resume"])
    #expect(fault?.diagnostics.first?.causes.count == 2)
  }
}
