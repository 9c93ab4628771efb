import Commands
import Coordinator
import Fleet
import FleetView
import Foundation
import Health
import Plan
import Rollouts
import Runs
import Testing

/// The testing library has a type of this name too.
private typealias Status = Commands.ExitStatus

/// The table of README.md, and who decides by it.
struct ExitStatusTests {
  @Test func `a fleet is as bad as the worst in it`() {
    let cases: [([ReplicaPhase?], Bool, Status)] = [
      ([.ready, .busy], false, .success), ([], false, .success),
      ([.ready, .failed], true, .failed), ([.ready, nil], true, .environment),
      ([.ready], true, .environment), ([.ready, .loading], false, .incomplete),
      ([.ready, nil], false, .incomplete), ([.stopped], false, .incomplete),
      ([.stalled], false, .incomplete), ([.backoff], false, .incomplete),
    ]
    for (states, hasUnreachable, status) in cases {
      let condition = FleetCondition(states: states, hasUnreachable: hasUnreachable)
      #expect(Status(condition) == status, "\(states) \(hasUnreachable)")
    }
  }

  @Test func `a launch that fails by a service is 1, by nodes 2`() {
    #expect(Status(LaunchResult.Culprit.nodes) == .environment)
    #expect(Status(LaunchResult.Culprit.service) == .failed)
  }

  @Test func `an end is 1 where something is left, 2 where a node has not answered`() {
    var stopped = NodeAnswers<NodeRemains>()
    stopped.answers = [(Plan.Node(name: "n1", link: .local), NodeRemains(leftovers: []))]
    #expect(Status(RunEnding(restarting: stopped)) == .success)
    let failed = LaunchResult(reasons: [Diagnostic(code: "x", "x")], culprit: .service)
    let lost = LaunchResult(reasons: [Diagnostic(code: "x", "x")], culprit: .nodes)
    #expect(Status(RunEnding(restarting: stopped), then: failed) == .failed)
    #expect(Status(RunEnding(restarting: stopped), then: lost) == .environment)
    stopped.faults = [NodeFault(node: "n2", kind: .unreachable, Diagnostic(code: "x", "x"))]
    #expect(Status(RunEnding(restarting: stopped)) == .environment)
    #expect(!RunEnding(restarting: stopped).isProven)
    #expect(Status(RunEnding(restarting: stopped), then: failed) == .failed)
    stopped.answers[0].answer.leftovers = ["process 7"]
    #expect(Status(RunEnding(restarting: stopped)) == .failed)
    stopped.faults = []
    #expect(Status(RunEnding(restarting: stopped)) == .failed)
    #expect(!RunEnding(restarting: stopped).isProven)
  }

  @Test func `endpoints are all there, some of them, or none`() {
    #expect(Status(readyCount: 2, missingCount: 0) == .success)
    #expect(Status(readyCount: 1, missingCount: 1) == .incomplete)
    #expect(Status(readyCount: 0, missingCount: 1) == .environment)
  }

  @Test func `down is 0 only where nothing is left, all was seen, and every node has answered`() {
    let fault = NodeFault(node: "n1", kind: .unreachable, Diagnostic(code: "gone", "gone"))
    let words = [Diagnostic(code: "left-behind", "n2: not everything is gone")]
    let cases: [(leftovers: [Diagnostic], unseen: [Diagnostic], faults: [NodeFault], Status)] = [
      ([], [], [], .success), ([], [], [fault], .environment), (words, [], [], .failed),
      ([], words, [], .failed), (words, [], [fault], .failed), ([], words, [fault], .failed),
    ]
    for (leftovers, unseen, faults, status) in cases {
      var ending = RunEnding()
      ending.foreign = ["n3: port 1 is another's"]
      (ending.leftovers, ending.unseen, ending.faults) = (leftovers, unseen, faults)
      #expect(Status(ending) == status)
      #expect(ending.diagnostics.count == leftovers.count + unseen.count + faults.count)
    }
  }

  @Test func `an eval, a merge and a report are 0 where every planned item is there`() throws {
    let plan = try WorkPlan(kind: "k", specification: Array("{}".utf8), taskCount: 3)
    for missing in [0, 1, 3] as [UInt64] {
      var merge = MergeSummary()
      (merge.planned, merge.missing, merge.rejected) = (3, missing, 2)
      #expect(Status(merge) == (missing == 0 ? .success : .incomplete))
      var report = ReportBuilder(plan: plan, layout: ReportLayout(plan)).report(of: merge)
      report.missing = missing
      #expect(Status(report) == (missing == 0 ? .success : .incomplete))
    }
    #expect(throws: Never.self) { try CommandFailure.unless(.success) }
    for status in Status.allCases where status != .success {
      let failure = #expect(throws: CommandFailure.self) { try CommandFailure.unless(status) }
      #expect(failure?.status == status)
    }
  }

  @Test func `the numbers are those of the manual`() {
    #expect(Status.allCases.map(\.rawValue) == [0, 1, 2, 3, 64, 130, 141])
  }

  @Test func `what was asked for is 1, what is in the way is 2`() {
    #expect(Status(RunFault.Cause.request) == .failed)
    #expect(Status(RunFault.Cause.surroundings) == .environment)
  }

  @Test func `the manual names no status that there is not`() throws {
    let manual = try String(
      contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../README.md"), encoding: .utf8)
    let section = try #require(manual.components(separatedBy: "\n## Commands\n").last)
    let table = try #require(section.components(separatedBy: "\n## ").first)
    let rows = table.split(separator: "\n").filter { $0.hasPrefix("| `") }
    #expect(rows.count > 10)
    let known = Set(Status.allCases.map { "\($0.rawValue)" })
    for row in rows {
      let cell = try #require(row.split(separator: "|").last)
      let named = cell.split { !$0.isNumber }.map(String.init)
      #expect(known.isSuperset(of: named), "\(row.prefix(40)): \(named)")
    }
    let always = try #require(table.split(separator: "\n").first { $0.hasPrefix("Always:") })
    for status in [Status.environment, .usage, .interrupted] {
      #expect(always.contains(" \(status.rawValue) "), "\(status)")
    }
  }
}
