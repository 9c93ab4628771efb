import Fleet
import Glibc
import OperatingSystem
import RecordFiles
import Rollouts
import RunStore
import Testing

struct MergeWriterTests {
  private let folder = ScratchFolder()

  private func line(_ task: UInt64, reward: String = "0.5") -> String {
    let tier = ["easy", "medium", "hard"][Int(task % 3)]
    return #"{"task_index":\#(task),"rollout_index":0,"difficulty":"\#(tier)","reward":\#(reward),"#
      + #""rewards":{"a":\#(task)},"metrics":{"total_tokens_metric":2}}"# + "\n"
  }

  /// Two nodes with the items 0 ..< 6 and 4 ..< 9 of 9.
  private func run() async throws -> (RunDirectory, WorkPlan) {
    var generator = SplitMix64(state: 1)
    let plan = try WorkPlan(kind: "test", specification: Array("{}".utf8), taskCount: 9)
    let run = try RunDirectory.create(
      root: self.folder.path, name: "eval", id: RunID(milliseconds: 0, using: &generator),
      plan: [], workPlan: plan)
    for (node, items) in [("n1", 0..<6 as Range<UInt64>), ("n2", 4..<9)] {
      let file = try RecordFile(path: run.recordFilePath(of: node))
      try await file.append([
        RecordBatch(
          BatchHeader(sequence: 1, leaseID: 1, attempt: 1, items: [items]),
          lines: Array(items.map { self.line($0) }.joined().utf8))
      ])
      try await file.sync()
    }
    return (run, plan)
  }

  private func outputs(_ run: RunDirectory) -> [String: [UInt8]] {
    var outputs: [String: [UInt8]] = [:]
    for name in ["records", "missing", "conflicts", "attempts"] {
      outputs[name] = try? PlainFile.read("\(run.mergedPath)/\(name).jsonl", whole: 1 << 20)
    }
    return outputs
  }

  @Test func `records of two nodes become one complete file, the same every time`() async throws {
    let (run, plan) = try await self.run()
    let summary = try MergeWriter(run: run, plan: plan).merge()
    #expect(summary.merged == 9 && summary.missing == 0 && summary.conflicts == 0)
    let first = self.outputs(run)
    #expect(first["records"] == Array((0..<9).map { self.line($0) }.joined().utf8))
    #expect(try MergeWriter(run: run, plan: plan).merge() == summary)
    #expect(self.outputs(run) == first)
    var layout = ReportLayout(plan)
    layout.groupField = "difficulty"
    layout.groups += ["easy", "medium", "hard"].map { (name: $0, planned: 3) }
    let report = try ReportReader.report(of: run, plan: plan, layout: layout)
    #expect(report.isComplete && report.planned == 9)
    #expect(report.groups.map(\.count) == [9, 3, 3, 3])
    #expect(report.groups.map(\.planned) == [9, 3, 3, 3])
    #expect(report.groups[0].values[0].mean == 0.5)
    #expect(report.groups[0].values[0].halfWidth == 0)
    #expect(report.groups[0].means(of: "rewards").map(\.name) == ["a"])
    #expect(report.groups[0].means(of: "rewards").map(\.mean) == [4])
    #expect(report.groups[0].means(of: "metrics").first?.total == 18)
  }

  @Test func `a merge with fewer results replaces none that has more, until that is moved away`()
    async throws
  {
    let (run, plan) = try await self.run()
    _ = try MergeWriter(run: run, plan: plan).merge()
    let good = self.outputs(run)
    let (one, two) = (run.recordFilePath(of: "n1"), run.recordFilePath(of: "n2"))
    let (first, second) = try (
      PlainFile.read(one, whole: 1 << 20), PlainFile.read(two, whole: 1 << 20)
    )
    try PlainFile.publish(second.dropLast(), at: two, durably: true)
    let cut = ["\(two): it ends within a batch"]
    #expect(
      throws: RunStoreError.fewer(path: run.mergedPath, count: 6, keptCount: 9, damaged: cut)
    ) { try MergeWriter(run: run, plan: plan).merge() }
    try PlainFile.publish(first.dropLast(2) + [0x20, 0x0A], at: one, durably: true)
    let flipped = ["\(one): records that do not match their checksum at byte 0"]
    #expect(
      throws: RunStoreError.fewer(
        path: run.mergedPath, count: 0, keptCount: 9, damaged: flipped + cut)
    ) { try MergeWriter(run: run, plan: plan).merge() }
    #expect(self.outputs(run) == good)
    #expect(try PlainFile.names(in: run.mergedPath).count == 5, "nothing of the lesser one stays")
    try PlainFile.publish(first, at: one, durably: true)
    try PlainFile.rename(run.mergedPath, to: run.mergedPath + ".old")
    #expect(try MergeWriter(run: run, plan: plan).merge().merged == 6)
  }

  /// As an older version merged it.
  @Test func `one record that is none fails no report, and the next merge leaves it out`()
    async throws
  {
    let (run, plan) = try await self.run()
    _ = try MergeWriter(run: run, plan: plan).merge()
    let broken = self.line(3).replacing(":0.5", with: ":0.5.5")
    let batch = RecordBatch(
      BatchHeader(sequence: 1, leaseID: 1, attempt: 1, items: [0..<6]),
      lines: Array((0..<6).map { $0 == 3 ? broken : self.line($0) }.joined().utf8))
    unlink(run.recordFilePath(of: "n1"))
    let file = try RecordFile(path: run.recordFilePath(of: "n1"))
    try await file.append([batch])
    try await file.sync()
    let merged = Array((0..<9).map { $0 == 3 ? broken : self.line($0) }.joined().utf8)
    try PlainFile.publish(merged, at: "\(run.mergedPath)/records.jsonl", durably: true)
    let old = try ReportReader.report(of: run, plan: plan, layout: ReportLayout(plan))
    #expect(old.missing == 1 && old.merge.rejected == 1 && !old.isComplete)
    #expect(old.groups[0].count == 8 && old.groups[0].values[0].mean == 0.5)
    let summary = try MergeWriter(run: run, plan: plan).merge()
    #expect(summary.merged == 8 && summary.missing == 1 && summary.rejected == 1)
    #expect(!summary.isSettled)
    let new = try ReportReader.report(of: run, plan: plan, layout: ReportLayout(plan))
    #expect(new.missing == 1 && new.merge.rejected == 1)
  }

  @Test func `a merge that ends at any step leaves each file old or new`() async throws {
    let (run, plan) = try await self.run()
    _ = try MergeWriter(run: run, plan: plan).merge()
    let old = self.outputs(run)
    let file = try RecordFile(path: run.recordFilePath(of: "n3"))
    try await file.append([
      RecordBatch(
        BatchHeader(sequence: 1, leaseID: 2, attempt: 2, items: [0..<1]),
        lines: Array(self.line(0, reward: "1").utf8))
    ])
    var steps: [String] = []
    let probe = StepLog()
    _ = try MergeWriter(run: run, plan: plan, mayDo: { probe.note($0) }).merge()
    steps = probe.steps
    let new = self.outputs(run)
    #expect(old["conflicts"] != new["conflicts"] && steps.count == 10)
    for step in steps {
      for (name, bytes) in old {
        try PlainFile.publish(bytes, at: "\(run.mergedPath)/\(name).jsonl", durably: true)
      }
      #expect(throws: RunStoreError.self) {
        try MergeWriter(run: run, plan: plan, mayDo: { $0 != step }).merge()
      }
      for (name, bytes) in self.outputs(run) {
        #expect(bytes == old[name] || bytes == new[name], "\(name) after \(step)")
      }
      if step.hasPrefix("rename") {
        #expect(throws: RunStoreError.self) {
          try ReportReader.report(of: run, plan: plan, layout: ReportLayout(plan))
        }
        // Records of a node are lost meanwhile: what is half in its place stays the measure.
        let path = run.recordFilePath(of: "n1")
        try PlainFile.rename(path, to: path + ".away")
        #expect(
          throws: RunStoreError.fewer(path: run.mergedPath, count: 6, keptCount: 9, damaged: [])
        ) { try MergeWriter(run: run, plan: plan).merge() }
        try PlainFile.rename(path + ".away", to: path)
      }
      _ = try MergeWriter(run: run, plan: plan).merge()
      #expect(self.outputs(run) == new)
    }
  }
}

/// Notes what a merge is about to do, and lets it.
private final class StepLog {
  var steps: [String] = []

  func note(_ step: String) -> Bool {
    self.steps.append(step)
    return true
  }
}
