import FoundationEssentials
import Glibc
import OperatingSystem
import RecordFiles
package import Rollouts

/// Merges a run's record files into `merged/`: `records.jsonl`, `missing.jsonl`, `conflicts.jsonl`,
/// `attempts.jsonl`, and `summary.json`.
///
/// All are written under temporary names and synced, then the old summary is removed, the others
/// renamed, the new summary renamed last: a crash leaves every file old or new, and where there is a
/// summary they belong together. Inputs are only read.
package struct MergeWriter {
  /// In the order in which they are put in their places.
  private static let names = [
    "conflicts.jsonl", "missing.jsonl", "attempts.jsonl", "records.jsonl", "summary.json",
  ]

  private let run: RunDirectory
  private let plan: WorkPlan
  private let mayDo: (String) -> Bool

  /// - Parameter mayDo: Asked with the name of each step before it is done; false ends the merge
  ///   there with `ECANCELED`, as a crash would.
  package init(
    run: RunDirectory, plan: WorkPlan,
    mayDo: @escaping (String) -> Bool = { _ in true }
  ) {
    self.run = run
    self.plan = plan
    self.mayDo = mayDo
  }

  /// Reads the run's record files and publishes the result. Blocks; one process at a time
  /// (``RunLock``).
  ///
  /// - Parameter take: Called with what is written, whole lines in their order.
  /// - Throws: `RunStoreError.fewer` where the last merge has more results.
  package func merge(
    take: (MergeOutput, [UInt8]) -> Void = { _, _ in }
  ) throws(RunStoreError) -> MergeSummary {
    try RunStoreError.filing { () throws(SystemFault) in try self.finishPublishing() }
    let nodes = try self.run.recordedNodes()
    let (summary, cut) = try RunStoreError.filing { () throws(SystemFault) in
      try PlainFile.makeFolders(self.run.mergedPath, durably: true)
      var readers: [RecordFileReader] = []
      for node in nodes {
        readers.append(try RecordFileReader(path: self.run.recordFilePath(of: node)))
      }
      let batches = readers.enumerated().flatMap { index, reader in
        reader.entries.map { (source: index, entry: $0) }
      }
      let attempts = batches.map { (node: nodes[$0.source], batch: $0.entry.header) }
      var summary = try self.writeOutputs(readers, batches, take)
      try self.write(MergeAttempts.lines(attempts), to: "attempts.jsonl")
      summary.damaged = readers.compactMap { reader in
        reader.damage.map { "\(reader.file.path): \($0)" }
      }
      return (summary, readers.filter(\.isCut).map { "\($0.file.path): it ends within a batch" })
    }
    // Records that are there and were once taken for results are no loss of files.
    if let last = try? self.run.lastMerge(of: self.plan),
      last.merged > summary.merged + summary.rejected
    {
      for name in Self.names { unlink(self.path(name) + ".new") }
      throw .fewer(
        path: self.run.mergedPath, count: summary.merged, keptCount: last.merged,
        damaged: summary.damaged + cut)
    }
    try RunStoreError.filing { () throws(SystemFault) in try self.publish(summary) }
    return summary
  }

  private func writeOutputs(
    _ readers: [RecordFileReader], _ batches: [(source: Int, entry: BatchEntry)],
    _ take: (MergeOutput, [UInt8]) -> Void
  ) throws(SystemFault) -> MergeSummary {
    try self.begin("write")
    let records = try self.newFile("records.jsonl")
    let missing = try self.newFile("missing.jsonl")
    let conflicts = try self.newFile("conflicts.jsonl")
    var sizes: [MergeOutput: Int] = [:]
    var merge = Merge(plan: self.plan, batches: batches.map(\.entry.header))
    try merge.run(
      load: { (index: Int) throws(SystemFault) in
        try readers[batches[index].source].file.lines(of: batches[index].entry)
      },
      write: { (output: MergeOutput, bytes: [UInt8]) throws(SystemFault) in
        let offset = sizes[output, default: 0]
        switch output {
        case .records: try records.write(bytes, at: offset)
        case .missing: try missing.write(bytes, at: offset)
        case .conflicts: try conflicts.write(bytes, at: offset)
        }
        sizes[output] = offset + bytes.count
        take(output, bytes)
      })
    try self.begin("sync")
    try records.synchronize()
    try missing.synchronize()
    try conflicts.synchronize()
    return merge.summary
  }

  /// The renames of a merge that ended among them: all that it wrote is whole.
  private func finishPublishing() throws(SystemFault) {
    guard access(self.path("summary.json"), F_OK) != 0,
      (try? self.run.lastMerge(of: self.plan, file: "summary.json.new")) != nil
    else { return }
    for name in Self.names where access(self.path(name) + ".new", F_OK) == 0 {
      try PlainFile.rename(self.path(name) + ".new", to: self.path(name))
    }
  }

  private func publish(_ summary: MergeSummary) throws(SystemFault) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard var text = try? encoder.encode(summary) else {
      throw SystemFault("encode", self.path("summary.json"), code: EINVAL)
    }
    text.append(0x0A)
    try self.write(Array(text), to: "summary.json")
    try self.begin("remove summary.json")
    unlink(self.path("summary.json"))
    try PlainFile.syncFolder(of: self.path("summary.json"))
    for name in Self.names {
      try self.begin("rename \(name)")
      try PlainFile.rename(self.path(name) + ".new", to: self.path(name))
    }
  }

  private func begin(_ step: String) throws(SystemFault) {
    guard self.mayDo(step) else {
      throw SystemFault(step, self.run.mergedPath, code: ECANCELED)
    }
  }

  private func path(_ name: String) -> String { "\(self.run.mergedPath)/\(name)" }

  private func newFile(_ name: String) throws(SystemFault) -> OpenFile {
    try OpenFile(path: self.path(name) + ".new", flags: O_WRONLY | O_CREAT | O_TRUNC)
  }

  private func write(_ bytes: [UInt8], to name: String) throws(SystemFault) {
    try self.begin("write \(name)")
    let file = try self.newFile(name)
    try file.write(bytes, at: 0)
    try file.synchronize()
  }
}
