import Coordinator
import Fleet
import Foundation
import Launch
import NIOPosix
import OperatingSystem
import Plan
import Rollouts
import RunStore
import Runs
import Testing

/// What commands find in the folder of runs, without a node.
final class KeptRunsTests {
  private let root = FileManager.default.temporaryDirectory
    .appending(path: "kept-runs-\(UUID().uuidString)").path()
  private let plan = Plan(
    name: "eval", nodes: [Plan.Node(name: "n1", link: .local)], services: [], secrets: ["API"])

  deinit { try? FileManager.default.removeItem(atPath: self.root) }

  private func fleet() throws -> FleetContext {
    FleetContext(
      plan: self.plan, runsFolder: self.root,
      links: try FleetLinks(
        agent: "/bin/true", cacheFolder: "\(self.root)-cache",
        group: MultiThreadedEventLoopGroup.singleton, seed: 1),
      surroundings: Surroundings(
        coordinator: "me@here pid 1", milliseconds: { 1_795_241_700_000 },
        variable: { _ in nil }, draw: { .random(in: 0...UInt64.max) }, say: { _ in },
        tell: { _ in }))
  }

  private func workPlan() throws -> WorkPlan {
    try WorkPlan(kind: "test", specification: Array("{}".utf8), taskCount: 3)
  }

  private func standing() throws -> RunInventory.Standing? {
    RunInventory(here: try RunInventory.here(in: self.root), nodes: ["n1": []]).runs.first?.standing
  }

  @Test func `an eval whose work cannot be read is no run of services, and kept`() throws {
    let fleet = try self.fleet()
    let eval = try fleet.newRun(workPlan: try self.workPlan())
    try PlainFile.publish(
      Array(#"{"version":1}"#.utf8), at: eval.directory.workPlanPath, durably: true)
    try PlainFile.publish([], at: eval.directory.recordFilePath(of: "n1"), durably: true)
    #expect(try fleet.liveRunIfAny() == nil)
    #expect(try self.standing() == .unmerged)
    var counter = RecordCounter(fleet)
    #expect(try counter.count() == 0)
  }

  @Test func `agents of services that are down end with the eval that starts them again`() throws {
    var fleet = try self.fleet()
    let services = try fleet.newRun()
    // What the manifest says by now is nothing that the agents of what runs should keep.
    fleet.plan.secrets = []
    let eval = try fleet.newRun(workPlan: try self.workPlan())
    let first = try eval.agentRun(live: fleet)
    #expect(first.id == services.id && !first.isOurs && first.plan.secrets == ["API"])
    services.end()
    let resumed = try eval.agentRun(live: fleet)
    #expect(resumed.id == services.id && resumed.isOurs && resumed.plan.secrets == [])
    let alone = try fleet.newRun(workPlan: try self.workPlan())
    let own = try alone.agentRun(live: fleet)
    #expect(own.id == alone.id && own.isOurs)
  }

  @Test func `a run is kept from others while its services are launched`() throws {
    let (run, isNew) = try self.fleet().liveRunForLaunch()
    #expect(isNew)
    #expect(try self.standing() == .held(by: "me@here pid 1"))
    run.end()
  }

  @Test func `of launches that begin at once one gets the run, and the others are told who`()
    async
    throws
  {
    let fleet = try self.fleet()
    let results = await withTaskGroup(of: Result<LiveRun, RunFault>.self) { tasks in
      for _ in 0..<8 {
        tasks.addTask {
          do throws(RunFault) {
            return .success(try fleet.liveRunForLaunch().run)
          } catch {
            return .failure(error)
          }
        }
      }
      return await tasks.reduce(into: []) { $0.append($1) }
    }
    let held = RunFault(.surroundings, .runHeld(by: "the run is held by me@here pid 1"))
    #expect(results.count { $0.map(\.id) == .failure(held) } == 7)
    #expect(try RunInventory.here(in: self.root).count == 1)
  }

  @Test func `what has the shape of a secret stays out of a journal that does not know it`() throws
  {
    let run = try self.fleet().newRun()
    let event = ChainEvent(
      milliseconds: 1, node: "n1", what: "failed", reason: "API_KEY=abcdefgh is wrong")
    run.record([run.written(event)])
    run.record(.aborted([Diagnostic(code: "x", "API_KEY=abcdefgh is wrong")]))
    let events = try run.events()
    #expect(events.map(\.kind) == ["event", "aborted"])
    #expect(events.allSatisfy { $0.detail.contains("API_KEY=[secret] is wrong") })
  }
}
