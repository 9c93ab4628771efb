import Commands
import Coordinator
import Health
import Launch
import Terminal
import TestFleet
import Testing

@testable import FleetView

@Suite struct TopScreenTests {
  private static func text(
    _ moment: FleetMoment, _ settings: TopSettings = TopSettings(), width: Int = 200,
    height: Int = 40
  ) -> [String] {
    TopScreen(moment, settings).lines(width: width, height: height).map(\.text)
  }

  /// The words of the first line that begins with one.
  private static func words(_ lines: [String], _ first: String) -> [String] {
    (lines.first { $0.hasPrefix(first + " ") } ?? "").split(separator: " ").map(String.init)
  }

  @Test func `a replica that answers has numbers, and its service their sum and a verdict`() {
    var fleet = TestFleet(nodeCount: 2)
    for index in 0..<2 {
      fleet.reach(index, .ready)
      fleet.scrape(index, running: 3, tokens: 100, usage: 0.25, at: 1)
      fleet.scrape(index, running: 3, tokens: 300, usage: 0.5, at: 3)
      fleet.sampleGPUs(index, percent: 40)
    }
    let lines = Self.text(fleet.moment(at: 8))
    #expect(lines.count == 40)
    #expect(lines[0].contains("run \(TestFleet.runID)  nodes 2/2  00:01:01Z  rollouts ?/s"))
    #expect(
      Self.words(lines, "policy").prefix(14) == [
        "policy", "2/2", "6", "0", "50", "?", "?", "200", "?", "?", "?", "?", "?", "40",
      ])
    #expect(lines[2].hasSuffix("starved: GPUs 40 % busy, the least 40 %: below 60 %"))
    let row = "n0 policy/0 ready 60 s 1 3 0 50 100 ? 40 5 s"
    #expect(Self.words(lines, "n0").joined(separator: " ") == row)
  }

  @Test func `what nobody has said is a question mark, never 0`() {
    let fleet = TestFleet(nodeCount: 1)
    let lines = Self.text(fleet.moment())
    #expect(lines[0].contains("nodes 0/1"))
    let unknown = [String](repeating: "?", count: 12)
    #expect(Array(Self.words(lines, "policy")[1...13]) == ["0/1"] + unknown)
    #expect(Self.words(lines, "n0") == ["n0", "policy/0"] + unknown.dropFirst(2))
    let service = fleet.moment().samples[0]
    #expect(service.running == nil && service.gpuPercent == nil && service.ttft == nil)
  }

  @Test func `a lost node keeps its last state, and its numbers are unknown`() {
    var fleet = TestFleet(nodeCount: 1)
    fleet.reach(0, .ready)
    fleet.scrape(0, running: 3, tokens: 100, usage: 0.25, at: 1)
    fleet.sampleGPUs(0, percent: 90)
    #expect(fleet.moment().samples[0].running == 3)
    fleet.see(.lost(TestFleet.fault(0, "no route")), at: 3)
    fleet.see(.lost(TestFleet.fault(0, "no route")), at: 9)
    let moment = fleet.moment(at: 15)
    let row = Self.text(moment).first { $0.hasPrefix("n0 ") } ?? ""
    #expect(row.contains("unreachable 12 s, was ready") && row.hasSuffix("no route"))
    #expect(moment.samples[0].running == nil && moment.samples[0].gpuPercent == nil)
    #expect(moment.samples[0].readyCount == 0 && moment.condition == .unreachable)
  }

  @Test func `a node whose GPUs say nothing tells why, beside a state that says it all`() {
    var fleet = TestFleet(nodeCount: 2)
    fleet.reach(0, .ready)
    fleet.reach(1, .failed, reason: "engine dead")
    for node in ["n0", "n1"] {
      fleet.see(.scraped(node: node, .gpus(milliseconds: 1, [], fault: "nvidia-smi hangs")))
    }
    #expect(fleet.moment().rows.map(\.reason) == ["nvidia-smi hangs", "engine dead"])
    #expect(fleet.moment().samples[0].gpuPercent == nil)
  }

  @Test func `of a node that was never reached the last state in the journal stands`() {
    var fleet = TestFleet(nodeCount: 1)
    let key = ReplicaKey(service: "policy", index: 0)
    #expect(fleet.moment(remembered: [key: "ready"]).rows[0].stateText == "?")
    fleet.see(.lost(TestFleet.fault(0, "no route")), at: 3)
    #expect(fleet.moment(at: 5).rows[0].stateText == "unreachable 2 s")
    let moment = fleet.moment(at: 5, remembered: [key: "ready"])
    #expect(moment.rows[0].stateText == "unreachable 2 s, was ready")
    fleet.reach(0, .failed)
    #expect(fleet.moment(remembered: [key: "ready"]).rows[0].stateText == "failed")
  }

  @Test func `the whole is as bad as its worst part`() {
    var fleet = TestFleet(nodeCount: 2)
    #expect(fleet.moment().condition == .unreachable)
    fleet.reach(0, .ready)
    fleet.reach(1, .busy)
    #expect(fleet.moment().condition == .ready)
    fleet.reach(1, .loading)
    #expect(fleet.moment().condition == .mixed)
    fleet.reach(1, .failed)
    #expect(fleet.moment().condition == .failed)
  }

  @Test func `where there is too little room, those that need somebody come first`() {
    var fleet = TestFleet(nodeCount: 30)
    for index in 0..<30 { fleet.reach(index, .ready) }
    fleet.reach(9, .busy)
    fleet.reach(14, .failed, reason: "engine dead")
    fleet.reach(20, .stalled)
    fleet.see(.lost(TestFleet.fault(25, "no route")))
    let lines = Self.text(fleet.moment(), height: 16)
    #expect(lines.count == 16)
    let nodes = lines.filter { $0.hasPrefix("n") }.map { $0.split(separator: " ")[0] }
    #expect(nodes == ["n14", "n20", "n25", "n9", "n0", "n1", "n2", "n3", "n4", "n5"])
    #expect(lines[14] == "… 20 more are not shown")
    #expect(Self.text(fleet.moment(), height: 40)[4].hasPrefix("n0 "))
  }

  @Test func `no line is wider than the terminal and there are no more lines than it has`() {
    var fleet = TestFleet(nodeCount: 12)
    for index in 0..<12 {
      fleet.reach(index, .failed, reason: "日本 " + String(repeating: "x", count: 90))
    }
    var settings = TopSettings()
    for help in [false, true] {
      if help { _ = settings.press(.character("?")) }
      for width in [1, 20, 40, 79, 80, 120, 300] {
        for height in 1...30 {
          let lines = TopScreen(fleet.moment(), settings).lines(width: width, height: height)
          #expect(lines.count <= height && lines.allSatisfy { $0.width <= width })
        }
      }
    }
  }

  @Test func `a narrow terminal keeps node, state and running, and drops what matters least`() {
    var fleet = TestFleet(nodeCount: 1)
    fleet.reach(0, .ready)
    let narrow = Self.text(fleet.moment(), width: 60).first { $0.hasPrefix("NODE") } ?? ""
    #expect(
      narrow.split(separator: " ").prefix(6) == ["NODE", "REPLICA", "STATE", "RUN", "WAIT", "KV%"])
    #expect(!narrow.contains("ATT") && !narrow.contains("HIT%"))
  }

  @Test func `what a node says cannot move the cursor`() {
    var fleet = TestFleet(nodeCount: 1)
    fleet.reach(0, .failed, reason: "a\u{1B}[2Jb\tc")
    fleet.see(
      .happened(ChainEvent(milliseconds: 1, node: "n0", what: "xid", reason: "\u{9B}31m\r")))
    let palette = Palette.colour
    let lines = TopScreen(fleet.moment(), TopSettings()).lines(width: 200, height: 40)
    let text = lines.map(\.text).joined()
    #expect(text.contains("a\\u{1B}[2Jb c") && text.contains("\\u{9B}31m\\u{D}"))
    #expect(!text.unicodeScalars.contains { $0.properties.generalCategory == .control })
    #expect(lines.map { $0.rendered(palette) }.joined().contains("\u{1B}[31mfailed\u{1B}[0m"))
  }

  @Test func `rows are ordered by what was asked for, unknown ones last either way round`() {
    var fleet = TestFleet(nodeCount: 3)
    for index in 0..<3 { fleet.reach(index, .ready) }
    fleet.scrape(0, running: 1, tokens: 0, usage: 0.9, at: 1)
    fleet.scrape(2, running: 5, tokens: 0, usage: 0.1, at: 1)
    func nodes(_ keys: String) -> [Substring] {
      var settings = TopSettings()
      for key in TopKey.keys(in: Array(keys.utf8)) { _ = settings.press(key) }
      return Self.text(fleet.moment(), settings).filter { $0.hasPrefix("n") }
        .map { $0.split(separator: " ")[0] }
    }
    #expect(nodes("") == ["n0", "n1", "n2"] && nodes("r") == ["n2", "n1", "n0"])
    #expect(nodes("s") == ["n0", "n2", "n1"] && nodes("sr") == ["n2", "n0", "n1"])
    #expect(nodes("ss") == ["n2", "n0", "n1"])
    #expect(nodes("/N2\r") == ["n2"])
  }

  @Test func `events are the newest by time, and e hides them`() {
    var fleet = TestFleet(nodeCount: 1)
    fleet.reach(0, .ready)
    for (milliseconds, what) in [(9000, "xid"), (3000, "nccl"), (5000, "cuda")] {
      fleet.see(
        .happened(ChainEvent(milliseconds: Int64(milliseconds), node: "n0", what: what)))
    }
    let lines = Self.text(fleet.moment(), height: 24)
    let shown = lines[20...22].map { $0.split(separator: " ")[3] }
    #expect(shown == ["nccl", "cuda", "xid"])
    var hidden = TopSettings()
    _ = hidden.press(.character("e"))
    #expect(!Self.text(fleet.moment(), hidden).contains { $0.contains("nccl") })
  }

  @Test func `rollouts are said where something counts them`() {
    let fleet = TestFleet(nodeCount: 1)
    let first = fleet.moment(rollouts: .init(count: 7, perSecond: nil))
    #expect(Self.text(first)[0].hasSuffix("rollouts ?/s (7)"))
    let second = fleet.moment(rollouts: .init(count: 9, perSecond: 1.25))
    #expect(Self.text(second)[0].hasSuffix("rollouts 1.3/s (9)"))
    // Without a terminal too.
    #expect(TopScreen(second, TopSettings()).report().first?.text == "rollouts 1.3/s (9)")
    #expect(
      !TopScreen(fleet.moment(), TopSettings()).report().contains { $0.text.contains("roll") })
  }

  @Test func `a moment is complete when nothing more is awaited of anybody`() {
    var fleet = TestFleet(nodeCount: 2)
    #expect(!fleet.moment().isComplete && !fleet.moment().hasAnswers)
    fleet.see(.lost(TestFleet.fault(0, "no route")))
    fleet.reach(1, .ready)
    #expect(fleet.moment().hasAnswers && !fleet.moment().isComplete)
    fleet.sampleGPUs(1, percent: nil)
    fleet.scrape(1, running: 1, tokens: 5, usage: 0, at: 1)
    #expect(!fleet.moment().isComplete)
    fleet.scrape(1, running: 1, tokens: 5, usage: 0, at: 2)
    #expect(fleet.moment().isComplete)
  }
}
