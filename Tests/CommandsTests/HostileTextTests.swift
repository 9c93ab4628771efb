@testable import Coordinator
import Fleet
import Health
import Launch
import Plan
import Runs
import Synchronization
import Telemetry
import Terminal
import TestFleet
import Testing

@testable import Commands
@testable import FleetView

/// What a node or a log says, on its way to a terminal by every path that commands have.
struct HostileTextTests {
  /// A sequence that clears the screen, one in C1, a title, a return, a line of ours, a direction turned
  /// round, and a character with a pile of marks.
  private static let text =
    "\u{1B}[2J\u{9B}31m\u{1B}]0;owned\u{7}\r\nup in 1 s\u{202E}\u{2066}a"
    + String(repeating: "\u{301}", count: 500)

  /// What a terminal without colours is sent.
  private static func shown(_ body: (OutputStream) -> Void) -> String {
    let bytes = Mutex<[UInt8]>([])
    body(
      OutputStream(isTerminal: true, palette: Palette.plain) { piece in
        bytes.withLock { $0 += piece }
      })
    return bytes.withLock { String(decoding: $0, as: UTF8.self) }
  }

  private static func expectHarmless(_ path: String, _ body: (OutputStream) -> Void) {
    let shown = Self.shown(body)
    #expect(shown.contains("owned"), "\(path): the text does not come through")
    let harmful = shown.unicodeScalars.filter { scalar in
      switch scalar.properties.generalCategory {
      case .control: scalar != "\n" && scalar != "\t"
      case .format, .lineSeparator, .paragraphSeparator: true
      default: false
      }
    }
    #expect(harmful.isEmpty, "\(path): \(harmful.map(\.value))")
    #expect(!shown.split(separator: "\n").contains("up in 1 s"), "\(path): a line of its own")
    #expect(shown.unicodeScalars.count { $0 == "\u{301}" } <= 100, "\(path): piled up")
  }

  private static let key = ReplicaKey(service: "policy", index: 0)
  private static let fault = NodeFault(
    node: "n0", kind: .unreachable,
    Diagnostic(code: "link-lost", text, causes: [text], hints: [text]))

  private static var report: ReplicaReport {
    var report = TestFleet.report(0, .failed, reason: Self.text)
    report.lastLogLines = [Self.text]
    return report
  }

  private static var moment: FleetMoment {
    var fleet = TestFleet(nodeCount: 2)
    fleet.see(.reached(node: "n0"))
    fleet.see(.reported(Self.report))
    fleet.see(.lost(TestFleet.fault(1, Self.text)))
    fleet.see(
      .happened(ChainEvent(milliseconds: 1, node: "n0", what: Self.text, reason: Self.text)))
    return fleet.moment()
  }

  private static let plan = Plan(
    name: "demo", nodes: [Plan.Node(name: "n0", link: .local)],
    services: [
      Plan.Service(
        name: "policy", recipe: "command",
        replicas: [Plan.Replica(index: 0, node: "n0", launch: LaunchSpecification(argv: ["a"]))])
    ])

  @Test func `top, as a screen and as one table`() {
    for settings in [TopSettings(), TopSettings(filter: Self.text)] {
      let screen = TopScreen(Self.moment, settings)
      Self.expectHarmless("top") { stream in
        stream.draw(
          screen.lines(width: 4000, height: 40).flatMap { [.line($0), .control(.lineFeed)] })
        stream.text("owned")
      }
    }
    Self.expectHarmless("top --once") {
      $0.lines(TopScreen(Self.moment, TopSettings()).report())
    }
    Self.expectHarmless("top --format json") { $0.text(Self.moment.json.text + "\n") }
  }

  @Test func `status, why, and their JSON`() throws {
    let status = StatusReport(plan: Self.plan, NodeAnswers(faults: [Self.fault]))
    Self.expectHarmless("status") { stream in
      stream.text(status.table)
      for fault in status.faults.folded() { stream.diagnostic(fault) }
    }
    let subject = try #require(ChainSubject("policy", in: Self.plan))
    var failed = ChainEvent(Self.report)
    failed.logLines = [Self.text]
    let why = WhyReport(
      subject: subject, plan: Self.plan, journal: [failed],
      answers: NodeAnswers(faults: [Self.fault]), nowMilliseconds: 9)
    Self.expectHarmless("why") { $0.text(why.table) }
    let next = NextStep(
      manifest: Self.text, isOver: false, replicas: why.present, unreachable: [], chain: why.chain)
    Self.expectHarmless("why --format json") {
      $0.text(why.json(run: "r", next: next).text + "\n")
    }
  }

  @Test func `up and attach`() {
    var narrator = LaunchNarrator(plan: Self.plan)
    let events: [LaunchEvent] = [
      .faulted(Self.fault), .warned(Self.fault.diagnostic), .leftBehind(node: "n0", [Self.text]),
      .attached(node: Self.text, processID: 1), .starting(services: [Self.text]),
    ]
    for event in events {
      Self.expectHarmless("up: \(event)") { stream in
        stream.line("owned")
        for word in narrator.words(for: event, elapsed: .zero) {
          switch word {
          case .line(let line): stream.line(line)
          case .diagnostic(let diagnostic): stream.diagnostic(diagnostic)
          }
        }
      }
    }
    let words = AttachWords()
    for sight in [FleetSight.reported(Self.report), .lost(Self.fault)] {
      Self.expectHarmless("attach") { $0.line(words.line(for: sight) ?? "") }
    }
  }

  @Test func `logs, raw in a pipe and harmless on a terminal`() {
    let log = "\u{1B}[36mowned\u{1B}[0m \(Self.text)\n"
    let raw = Mutex<[UInt8]>([])
    let lines = LogLines(prefix: "policy/0 n0 | ") { piece in raw.withLock { $0 += piece } }
    lines.print(Array(log.utf8))
    lines.finish()
    let bytes = raw.withLock { $0 }
    #expect(String(decoding: bytes, as: UTF8.self).contains("\u{1B}[36mowned"))
    let shown = Self.shown { $0.bytes(bytes) }
    #expect(!shown.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{9B}" || $0 == "\r" })
    #expect(shown.hasPrefix("policy/0 n0 | owned "))
  }

  @Test func `endpoints, with what is not ready, and what collect could not ask`() throws {
    var plan = Self.plan
    var launch = LaunchSpecification(argv: ["a"])
    launch.model = ModelServer(port: 8000, model: Self.text)
    plan.services[0].replicas[0].launch = launch
    let services = ModelService.all(of: plan, reports: [Self.report])
    Self.expectHarmless("endpoints --format json") { $0.text(services.json(run: "r").text + "\n") }
    Self.expectHarmless("endpoints") { stream in
      for diagnostic in services.notReady { stream.diagnostic(diagnostic) }
    }
    let ready = ModelService.all(of: plan, reports: [TestFleet.report(0, .ready)])
    let gym = try GymServices(ready, policy: nil, judge: nil)
    Self.expectHarmless("endpoints --format nemo-gym") {
      $0.text(gym.environmentYAML(style: .list))
    }
    Self.expectHarmless("collect") { stream in
      for diagnostic in [Self.fault].folded() { stream.diagnostic(diagnostic) }
    }
  }

  @Test func `top --replay, and the progress of an eval`() {
    let event = ChainEvent(milliseconds: 1, node: Self.text, what: Self.text, reason: Self.text)
    let sample = Self.moment.samples.map { sample in
      var sample = sample
      (sample.service, sample.reason) = (Self.text, Self.text)
      return (Int64(2), RunReplay.Entry.sample(sample))
    }
    let replay = RunReplay(run: "r", entries: [(1, .event(event))] + sample)
    for format in OutputFormat.allCases {
      Self.expectHarmless("top --replay") { $0.text(replay.text(format)) }
    }
    Self.expectHarmless("eval's progress") { stream in
      var report = ProgressReport(width: nil) { stream.draw($0) }
      report.say(Self.text)
      report.show(
        ProgressBar(label: "eval", total: 2, done: 1, elapsed: .zero, rates: [(Self.text, 1)]))
      report.finish()
    }
  }

  @Test func `scrape, runs and check`() async throws {
    let board = try await ScrapeBoard(
      try ScrapeTarget.targets(of: "gpu01:8000"), pace: .once, timeout: .zero,
      clock: ContinuousClock())
    board.miss(Self.text, from: 0)
    for format in Scrape.Format.allCases where format != .prometheus {
      Self.expectHarmless("scrape") { $0.text(board.report(.interval).text(format)) }
    }
    let id = try #require(RunID("20261121-061500-abcdef"))
    var run = NodeRun(id: id, name: Self.text)
    run.holder = Self.text
    let inventory = RunInventory(here: [], nodes: ["n0": [run]])
    Self.expectHarmless("runs") { $0.text(inventory.table(inventory.runs, at: 0)) }
    var facts = PreflightFacts()
    (facts.kernel, facts.architecture) = (Self.text, Self.text)
    Self.expectHarmless("check --nodes") {
      $0.text(FactsTable.text(of: [PreflightAnswer(node: "n0", facts: facts)]))
    }
  }
}
