import Fleet
import Foundation
import RecordFiles
import Rollouts
import RunStore
import Runs
import Testing

struct WorkResultTests {
  @Test func `what has come is merged, counted, and kept from two at once`() async throws {
    let root = FileManager.default.temporaryDirectory
      .appending(path: "work-result-\(UUID().uuidString)").path()
    defer { try? FileManager.default.removeItem(atPath: root) }
    var generator = SplitMix64(state: 1)
    let plan = try WorkPlan(kind: "test", specification: Array("{}".utf8), taskCount: 3)
    let run = try RunDirectory.create(
      root: root, name: "eval", id: RunID(milliseconds: 0, using: &generator), plan: [],
      workPlan: plan)
    let lines = [0, 1].map { #"{"task_index":\#($0),"rollout_index":0,"reward":1}"# + "\n" }
    let file = try RecordFile(path: run.recordFilePath(of: "n1"))
    try await file.append([
      RecordBatch(
        BatchHeader(sequence: 1, leaseID: 1, attempt: 1, items: [0..<2]),
        lines: Array(lines.joined().utf8))
    ])
    try await file.sync()

    let work = try WorkResult(ofRun: "eval", in: root)
    let lock = try work.lock(holder: "me")
    #expect(throws: RunFault.self) { _ = try work.lock(holder: "you") }
    let merge = try work.merge()
    _ = consume lock
    #expect(merge.line == "merged 2 of 3 items, 1 missing, 0 conflicts, 0 rejected")
    #expect(!merge.isComplete && merge.warnings == [])
    #expect(try String(contentsOfFile: work.recordsPath, encoding: .utf8) == lines.joined())
    #expect(try work.report().planned == 3)
  }

  @Test func `a run that is not there was asked for in vain`() {
    let fault = #expect(throws: RunFault.self) {
      try WorkResult(ofRun: "none", in: "/nonexistent")
    }
    #expect(fault?.cause == .request)
    #expect(fault?.diagnostics.map(\.code) == ["no-run"])
  }
}
