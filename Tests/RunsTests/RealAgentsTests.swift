@testable import Coordinator
import Fleet
import Foundation
import Health
import Launch
import Links
import NIOPosix
import OperatingSystem
import Plan
import Synchronization
import Testing

@testable import Runs

/// What coordinators do with real agents on this machine: of several nodes, each with a state of its own.
@Suite(.serialized) final class RealAgentsTests: Sendable {
  /// Beside the test bundle.
  private static let program: String = {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(filePath: own).deletingLastPathComponent().appending(path: "muster-node").path()
  }()

  /// For all tests: the program is hashed once, which takes seconds in a debug build.
  private static let links = Result {
    try FleetLinks(
      agent: RealAgentsTests.program, cacheFolder: "\(RealAgentsTests.state)/cache",
      group: MultiThreadedEventLoopGroup.singleton, seed: 1)
  }

  private let root = FileManager.default.temporaryDirectory
    .appending(path: "real-agents-\(UUID().uuidString)").path()
  private let name = "real-\(UInt32.random(in: 0..<UInt32.max))"

  /// Of the agents, which inherit it: not in the home of who tests.
  private static let state: String = {
    if let folder = ProcessInfo.processInfo.environment["XDG_STATE_HOME"] { return folder }
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "real-agents-state-\(getpid())").path()
    setenv("XDG_STATE_HOME", folder, 1)
    atexit { try? FileManager.default.removeItem(atPath: RealAgentsTests.state) }
    return folder
  }()

  init() {
    signal(SIGPIPE, SIG_IGN)
    try? FileManager.default.createDirectory(
      atPath: Self.state, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: self.root) }

  /// - Parameters:
  ///   - folder: Of the machine that coordinates.
  ///   - aheadSeconds: How far its clock is ahead.
  private func fleet(
    _ folder: String = "runs", placing nodes: [String] = ["n1", "n2"], aheadSeconds: Int64 = 0
  ) throws -> FleetContext {
    let launch = LaunchSpecification(
      argv: ["/bin/sh", "-c", "exec sleep 600"], readyTimeoutSeconds: 30, stopGraceSeconds: 1)
    let plan = Plan(
      name: self.name, nodes: ["n1", "n2", "n3"].map { self.node($0) },
      services: [
        Plan.Service(
          name: "job", recipe: "command",
          replicas: nodes.enumerated().map { index, node in
            Plan.Replica(index: index, node: node, launch: launch)
          })
      ])
    return FleetContext(
      plan: plan, runsFolder: "\(self.root)/\(folder)",
      links: try Self.links.get(),
      surroundings: Surroundings(
        coordinator: "tester of \(folder)",
        milliseconds: { Int64(Date().timeIntervalSince1970 * 1000) + aheadSeconds * 1000 },
        variable: { _ in nil }, draw: { .random(in: 0...UInt64.max) }, say: { _ in },
        tell: { _ in }))
  }

  /// On this machine, with a state of its own.
  private func node(_ name: String) -> Plan.Node { Plan.Node(name: name, link: .local) }

  /// Starts the services on the nodes of the plan.
  private func start(_ run: LiveRun, _ fleet: FleetContext) async throws {
    let agents = try fleet.agents(of: run.id, holding: fleet.plan)
    for node in Set(fleet.plan.services.flatMap { $0.replicas.map(\.node) }) {
      let node = try #require(fleet.plan.nodes.first { $0.name == node })
      try await agents.withSession(to: node) { session in
        _ = try await session.start(fleet.plan.services)
      }
    }
  }

  @Test func `nodes that know several runs are asked to agree, and down ends each`() async throws {
    let here = try self.fleet("one")
    let first = try here.newRun()
    try await self.start(first, here)
    let other = try self.fleet("two", placing: ["n3"])
    let second = try other.newRun()
    try await self.start(second, other)

    let elsewhere = try self.fleet("three")
    let fault = await #expect(throws: RunFault.self) { try await elsewhere.liveRun() }
    #expect(fault?.diagnostics.map(\.code) == ["several-runs"])
    let causes = fault?.diagnostics.first?.causes ?? []
    #expect(causes.contains("run \(first.id) on n[1-2]"), "\(causes)")
    #expect(causes.contains("run \(second.id) on n3"), "\(causes)")

    let (runs, faults) = try await elsewhere.liveRunsToEnd()
    #expect(Set(runs.map(\.id)) == [first.id, second.id] && faults == [])
    for run in runs {
      let ending = try await elsewhere.end(run)
      #expect(ending == RunEnding())
    }
    await #expect(throws: RunFault.self) { try await self.fleet("four").liveRun() }
  }

  @Test func `a planned replica that nobody has seen is told, and no proof that all is gone`()
    async throws
  {
    let here = try self.fleet("one")
    let run = try here.newRun()
    // Of two one only.
    let node = try #require(here.plan.nodes.first)
    try await here.agents(of: run.id, holding: here.plan).withSession(to: node) { session in
      _ = try await session.start(here.plan.services)
    }
    let elsewhere = try self.fleet("two")
    let found = try await elsewhere.liveRun()
    #expect(found.id == run.id && found.plan.services == here.plan.services)
    let ending = try await elsewhere.end(found)
    #expect(ending.isProven && ending.unseen.map(\.code) == ["not-seen"])
    #expect(ending.unseen.first?.summary.contains("n2: `job/1`") == true)
  }

  @Test func `nodes that do not agree on what a run is are not believed`() async throws {
    let here = try self.fleet("one", placing: ["n1"])
    let run = try here.newRun()
    try await self.start(run, here)
    let other = try self.fleet("two", placing: ["n2", "n2"])
    // The same run, and another plan.
    let node = try #require(other.plan.nodes.first { $0.name == "n2" })
    try await other.agents(of: run.id, holding: other.plan).withSession(to: node) { session in
      _ = try await session.start(other.plan.services)
    }
    let fault = await #expect(throws: RunFault.self) {
      try await self.fleet("three").liveRun()
    }
    #expect(fault?.diagnostics.map(\.code) == ["unlike-plans"], "\(String(describing: fault))")
    for fleet in [here, other] {
      let stopped = try await fleet.agents(of: run.id, holding: fleet.plan)
        .stop(fleet.plan.nodes, of: fleet.plan)
      #expect(stopped.faults.isEmpty)
    }
  }

  @Test func `what a coordinator held whose clock was ahead can be taken over and ended`()
    async throws
  {
    let ahead = try self.fleet("runs", aheadSeconds: 3600)
    let run = try ahead.newRun()
    try await self.start(run, ahead)
    let fleet = try self.fleet("runs")
    let nodes = fleet.plan.nodes.filter { $0.name != "n3" }
    let refused = try await fleet.agents(of: run.id, holding: fleet.plan).survey(nodes)
    #expect(refused.faults.count == 2 && refused.faults.allSatisfy(\.kind.isAnothers))
    let epoch = try await fleet.epoch(over: run.id, on: nodes)
    let taken = try await fleet.agents(of: run.id, holding: fleet.plan, epoch: epoch).survey(nodes)
    #expect(taken.faults.isEmpty && taken.values.allSatisfy { $0.holder == "tester of runs" })
    // And by whoever comes next, with a clock that is right.
    let ending = try await fleet.end(try LiveRun(run.directory, fleet.surroundings))
    #expect(ending == RunEnding())
  }

  @Test func `down takes a run over from a coordinator whose clock is ahead`() async throws {
    let ahead = try self.fleet("runs", aheadSeconds: 3600)
    let run = try ahead.newRun()
    try await self.start(run, ahead)
    let fleet = try self.fleet("runs")
    #expect(try await fleet.end(try LiveRun(run.directory, fleet.surroundings)) == RunEnding())
    await #expect(throws: RunFault.self) { try await self.fleet("two").liveRun() }
  }

  @Test func `what nodes that cannot be asked may have is said, and down is not done`() async throws
  {
    let here = try self.fleet("one")
    let run = try here.newRun()
    try await self.start(run, here)
    var elsewhere = try self.fleet("two")
    elsewhere.plan.nodes.append(Plan.Node(name: "n9", link: .command(argv: ["false"])))
    let (runs, faults) = try await elsewhere.liveRunsToEnd()
    #expect(runs.map(\.id) == [run.id] && faults.map(\.cause) == [.surroundings])
    #expect(faults.first?.diagnostics.first?.summary.hasPrefix("n9: ") == true, "\(faults)")
    #expect(try await elsewhere.end(try #require(runs.first)) == RunEnding())
  }

  @Test func `a node's word decides nothing that others execute or get`() async throws {
    let there = try self.fleet("one")
    let run = try there.newRun()
    try await self.start(run, there)
    // The same names, and another program.
    var here = try self.fleet("two")
    for index in here.plan.services[0].replicas.indices {
      here.plan.services[0].replicas[index].launch.argv = ["/bin/sh", "-c", "exec sleep 601"]
    }
    let fault = await #expect(throws: RunFault.self) { try await here.liveRunForRestart() }
    #expect(fault?.diagnostics.map(\.code) == ["other-plan"], "\(String(describing: fault))")
    // Nor when it has a folder here by now; one whose manifest says the same may.
    await #expect(throws: RunFault.self) { try await here.liveRunForRestart() }
    #expect(try await self.fleet("three").liveRunForRestart().id == run.id)
    #expect(try await there.end(run) == RunEnding())
  }

  @Test func `a clock that is days ahead holds nothing`() async throws {
    let ahead = try self.fleet(aheadSeconds: 3 * 24 * 3600)
    let run = try ahead.newRun()
    let asked = try await ahead.agents(of: run.id, holding: ahead.plan).survey([self.node("n1")])
    #expect(asked.faults.map(\.kind) == [.refused])
    #expect(asked.faults.first?.diagnostic.causes.first?.contains("clock") == true)
    let fleet = try self.fleet()
    let stopped = try await fleet.agents(of: run.id, holding: fleet.plan)
      .stop([self.node("n1")], of: fleet.plan)
    #expect(stopped.faults.isEmpty)
  }

  /// As at the end of a work that other nodes have done meanwhile.
  @Test(.timeLimit(.minutes(1)))
  func `a link that opens when nobody wants it any more is closed`() async throws {
    let fleet = try self.fleet()
    let run = try fleet.newRun()
    let open = try Self.links.get().open(for: .run(run.id))
    let agents = AgentConnector(
      open: { node throws(NodeFault) in
        let link = try await open(node)
        withUnsafeCurrentTask { $0?.cancel() }
        return link
      }, epoch: nil, yields: false, coordinator: "tester", plan: [], secrets: [:],
      placing: fleet.plan)
    let node = self.node("n1")
    for _ in 0..<10 {
      let visit = Task { try await agents.withSession(to: node) { _ in } }
      await #expect(throws: NodeFault.self) { try await visit.value }
    }
    #expect(try await fleet.end(run) == RunEnding())
  }

  @Test func `a run of 4,096 nodes is begun, found and ended`() async throws {
    var fleet = try self.fleet()
    let node = self.node("n1")
    let launch = LaunchSpecification(
      argv: ["/bin/sh", "-c", "exec sleep 600 # " + String(repeating: "x", count: 2600)],
      readyTimeoutSeconds: 30, stopGraceSeconds: 1)
    fleet.plan.nodes = [node] + (1..<4096).map { Plan.Node(name: "m\($0)", link: .local) }
    fleet.plan.services[0].replicas = fleet.plan.nodes.enumerated().map { index, node in
      Plan.Replica(index: index, node: node.name, launch: launch)
    }
    let text = try fleet.plan.canonicalJSON()
    #expect(text.count > 10 << 20)
    let run = try fleet.newRun()
    let services = fleet.plan.services
    let agents = try fleet.agents(of: run.id, holding: fleet.plan)
    try await agents.withSession(to: node) { session in
      _ = try await session.start(services)
    }
    let seen = try await fleet.agents(of: run.id).survey([node])
    #expect(seen.faults.isEmpty && seen.values.first?.reports.map(\.key.index) == [0])
    #expect(try await agents.plan(of: node) == text)
    let stopped = await agents.stop([node], of: fleet.plan)
    #expect(stopped.faults.isEmpty && stopped.values.first?.leftovers == [])
  }

  @Test func `a hundred states with all that a log can say make no node unreachable`() async throws
  {
    var fleet = try self.fleet(placing: Array(repeating: "n1", count: 120))
    let line = "x=$(printf '%02000d' 0)"
    let script = "\(line); i=0; while [ $i -lt 20 ]; do i=$((i+1)); echo \"$i $x\"; done; exit 1"
    for index in fleet.plan.services[0].replicas.indices {
      fleet.plan.services[0].replicas[index].launch.argv = ["/bin/sh", "-c", script]
    }
    let run = try fleet.newRun()
    try await self.start(run, fleet)
    let observer = try fleet.agents(of: run.id)
    var reports: [ReplicaReport] = []
    for _ in 0..<600 where !reports.allSatisfy({ $0.state == .failed }) || reports.isEmpty {
      let survey = await observer.survey([self.node("n1")])
      try #require(survey.faults.isEmpty, "\(survey.faults)")
      reports = survey.values.flatMap(\.reports)
    }
    let size = reports.flatMap(\.lastLogLines).reduce(0) { $0 + $1.utf8.count }
    #expect(reports.count == 120 && size > 4 << 20, "\(size)")
    #expect(try await fleet.end(run) == RunEnding())
  }

  /// What a watch has seen.
  private final class Seen: Sendable {
    private let state = Mutex((reachedCount: 0, events: [String]()))

    var reachedCount: Int { self.state.withLock { $0.reachedCount } }
    var events: [String] { self.state.withLock { $0.events } }

    func see(_ sight: FleetSight) {
      self.state.withLock { state in
        switch sight {
        case .reached: state.reachedCount += 1
        case .happened(let event): state.events.append(event.what)
        case .lost, .reported, .scraped: break
        }
      }
    }
  }

  @Test func `what happened is told once, however often the link breaks`() async throws {
    let fleet = try self.fleet(placing: ["n1"])
    let run = try fleet.newRun()
    try await self.start(run, fleet)
    let seen = Seen()
    let node = self.node("n1")
    let watch = FleetWatch(
      [node], nil, agents: try fleet.agents(of: run.id), clock: ContinuousClock())
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { await watch.run { seen.see($0) } }
      func wait(_ what: String, until isSo: () -> Bool) async throws {
        for _ in 0..<3000 where !isSo() { try await Task.sleep(for: .milliseconds(10)) }
        try #require(isSo(), "\(what)")
      }
      try await wait("ready") { seen.events.contains("ready") }
      for count in 2...3 {
        for process in ProcessTable.all() {
          let words = try? PlainFile.read(
            "/proc/\(process.identity.processID)/cmdline", sizeMax: 4096)
          let line = String(decoding: words ?? [], as: UTF8.self)
          if line.contains("\0connect\0--run\0\(run.id)\0") {
            ProcessTable.send(SIGKILL, to: process.identity)
          }
        }
        try await wait("link \(count)") { seen.reachedCount >= count }
      }
      let plan = fleet.plan
      try await fleet.agents(of: run.id, holding: fleet.plan).withSession(to: node) { session in
        _ = try await session.stopAll(timeout: plan.stopTimeout) {
          for _ in 0..<1000 where !seen.events.contains("stopped") {
            try? await Task.sleep(for: .milliseconds(10))
          }
        }
      }
      tasks.cancelAll()
    }
    let states = seen.events
    #expect(states.contains("stopped"))
    #expect(Set(states).count == states.count, "\(states)")
  }
}
