import FoundationEssentials
import GRPCCore
import Health
import Launch
import NodeAPI
import Testing

@testable import NodeAgent

@Suite
struct `Metrics of a node` {
  private static func reports(
    _ node: TestAgent.Client, _ request: Muster_V1_ScrapeRequest, atMost count: Int = .max
  ) async throws -> [Muster_V1_ScrapeReport] {
    try await node.scrape(request) { response in
      var reports: [Muster_V1_ScrapeReport] = []
      for try await report in response.messages {
        let isBatch = if case .batch = report.kind { true } else { false }
        reports += isBatch ? report.batch.reports : [report]
        if reports.count >= count { break }
      }
      return reports
    }
  }

  @Test func `pages of replicas and targets come as they are, and faults in words`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    let answers: StubServer.Answers = ["GET /metrics": (200, "up 1\n"), "GET /x": (200, "x 2\n")]
    try await StubServer.serving(answers) { port in
      try await StubServer.withReservedPort { silent in
        try await agent.claimedLink { node in
          var spec = ReplicaSpecification("job", script: "sleep 60")
          spec.launch.metrics = MetricsPlace(port: port, path: "/metrics")
          _ = try await node.start(spec) { $0.processID != 0 }
          var request = Muster_V1_ScrapeRequest()
          for (name, port, path) in [("x", port, "/x"), ("none", port, "/y"), ("off", silent, "")] {
            var target = Muster_V1_ScrapeTarget()
            (target.name, target.port, target.path) = (name, UInt32(port), path)
            request.targets.append(target)
          }
          let pages = try await Self.reports(node, request).map(\.page)
            .sorted { ($0.service, $0.target) < ($1.service, $1.target) }
          #expect(pages.map(\.target) == ["none", "off", "x", ""])
          #expect(
            pages.map { String(decoding: $0.text, as: UTF8.self) } == ["", "", "x 2\n", "up 1\n"])
          #expect(pages[0].fault == "/y answers 404")
          #expect(pages[1].fault == "port \(silent): nobody accepts connections")
          #expect(pages[3].service == "job")
        }
      }
    }
  }

  @Test func `an interval brings each page again`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await StubServer.serving(["GET /metrics": (200, "up 1\n")]) { port in
      try await agent.claimedLink { node in
        var request = Muster_V1_ScrapeRequest()
        request.intervalMilliseconds = 200
        for name in ["a", "b", "c"] {
          var target = Muster_V1_ScrapeTarget()
          (target.name, target.port) = (name, UInt32(port))
          request.targets.append(target)
        }
        let pages = try await Self.reports(node, request, atMost: 12).map(\.page)
        // Pages come in batches: a machine that was slow sends many at once.
        let targets = Dictionary(grouping: pages, by: \.target)
        #expect(targets.count == 3)
        for (target, pages) in targets {
          let times = pages.map(\.milliseconds)
          let spread = Double((times.max() ?? 0) - (times.min() ?? 0))
          #expect(pages.count >= 3, "\(target)")
          #expect(Double(pages.count) <= spread / 200 + 2, "\(target): \(times)")
        }
      }
    }
  }

  @Test func `what waits is sent together, in order, in messages of bounded size`() {
    let batches = ScrapeBatches()
    for (index, size) in [300, 1 << 19, 1 << 20, 1, 2].enumerated() {
      var report = Muster_V1_ScrapeReport()
      report.page.index = UInt32(index)
      report.page.text = Data(count: size)
      batches.add(report)
    }
    let taken = batches.take()
    #expect(taken.map { $0.batch.reports.map(\.page.index) } == [[0, 1], [], [3, 4]])
    #expect(taken[1].page.index == 2)
    #expect(batches.take() == [])
    for _ in 0..<100 {
      var report = Muster_V1_ScrapeReport()
      report.page.text = Data(count: 1 << 20)
      batches.add(report)
    }
    #expect(batches.take().count == 15)
  }

  @Test func `lines of watched files are counted as they grow`() async throws {
    let folder = try TestAgent().folder
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var files = WatchedFiles(patterns: ["\(folder)/*.jsonl"])
    #expect(files.look(at: 5) == [])
    try Data("1\n2\n3".utf8).write(to: URL(filePath: "\(folder)/a.jsonl"))
    let found = files.look(at: 7)
    #expect(found.map(\.milliseconds) == [7] && found.map(\.lines) == [2])
    #expect(found[0].sharedAs.split(separator: " ").count == 3)
    // By another path it is the same file.
    try FileManager.default.createSymbolicLink(
      atPath: "\(folder)/link", withDestinationPath: folder)
    var others = WatchedFiles(patterns: ["\(folder)/link/*.jsonl"])
    #expect(others.look(at: 7).map(\.sharedAs) == found.map(\.sharedAs))
    try Data("1\n2\n3\n4\n".utf8).write(to: URL(filePath: "\(folder)/a.jsonl"))
    #expect(files.look(at: 9).map(\.lines) == [4])
    // Begun anew.
    try Data("1\n".utf8).write(to: URL(filePath: "\(folder)/a.jsonl"))
    #expect(files.look(at: 9).map(\.lines) == [1])
  }

  @Test func `what NeMo Gym writes beside its rollouts counts only where it is named`() throws {
    let folder = try TestAgent().folder
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let others = ["a_materialized_inputs", "a_failures", "rollout_verdicts"]
    for name in ["a"] + others {
      try Data("1\n".utf8).write(to: URL(filePath: "\(folder)/\(name).jsonl"))
    }
    var files = WatchedFiles(patterns: ["\(folder)/*.jsonl"])
    #expect(files.look(at: 1).map(\.path) == ["\(folder)/a.jsonl"])
    files = WatchedFiles(patterns: others.map { "\(folder)/\($0).jsonl" })
    #expect(files.look(at: 1).map(\.pattern) == [1, 0, 2])
  }

  @Test func `a file of a network mount is known by where that is mounted from`() {
    let table = """
      22 1 8:1 / / rw - ext4 /dev/sda1 rw
      36 22 0:40 / /data rw,noatime shared:1 - nfs4 nas:/export\\040one rw,vers=4.2
      37 36 8:2 / /data/local rw - xfs /dev/sdb1 rw
      """
    let mount = PathQuestion.mount(of: "/data/results/a.jsonl", in: table)
    #expect(mount == Mount(kind: "nfs4", source: "nas:/export one"))
    #expect(PathQuestion.mount(of: "/data/local/a", in: table).source == "/dev/sdb1")
    #expect(PathQuestion.networkMount(of: "/proc/self") == nil)
  }

  @Test func `requests out of range are refused`() async throws {
    let agent = try TestAgent()
    defer { agent.destroy() }
    try await agent.claimedLink { node in
      var request = Muster_V1_ScrapeRequest()
      request.intervalMilliseconds = 5
      await #expect(throws: RPCError.self) { _ = try await Self.reports(node, request) }
      request.intervalMilliseconds = 0
      request.watchedFiles = ["relative"]
      await #expect(throws: RPCError.self) { _ = try await Self.reports(node, request) }
    }
  }
}
