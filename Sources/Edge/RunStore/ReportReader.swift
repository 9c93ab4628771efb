import Dispatch
import FoundationEssentials
import Glibc
import OperatingSystem
package import Rollouts
import Synchronization

/// Makes the report of a run on a thread of its own: while a merge goes on, or out of what the last
/// one left.
package final class ReportReader: Sendable {
  private let queue = DispatchQueue(label: "muster report")
  /// Pieces that wait, of about 1 MiB each.
  private let room = DispatchSemaphore(value: 8)
  private let builder: Mutex<ReportBuilder>

  package init(plan: WorkPlan, layout: ReportLayout) {
    self.builder = Mutex(ReportBuilder(plan: plan, layout: layout))
  }

  /// - Parameter lines: Whole ones, in their order. Blocks while too many pieces wait.
  package func add(_ lines: [UInt8], of output: MergeOutput) {
    self.room.wait()
    self.queue.async {
      self.builder.withLock { builder in
        lines.withUnsafeBytes { bytes in
          var start = 0
          while start < bytes.count {
            let end = RecordLineFeeds.first(in: bytes, from: start).map { $0 + 1 } ?? bytes.count
            let line = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            switch output {
            case .records: builder.add(line)
            case .missing: builder.addMissing(line)
            case .conflicts: break
            }
            start = end
          }
        }
      }
      self.room.signal()
    }
  }

  /// The report of all that was added, which is what `merge` counts. A line that is no record, such as
  /// an older version merged, is missing and rejected.
  ///
  /// - Throws: `RunStoreError.unmerged` where it is not.
  package func report(of merge: MergeSummary, in run: RunDirectory) throws(RunStoreError) -> Report
  {
    let builder = self.queue.sync { self.builder.withLock { $0 } }
    let unreadable = builder.unreadableCount
    guard builder.recordCount + unreadable == merge.merged else {
      throw .unmerged(path: run.mergedPath, reason: "not what a merge of this run wrote")
    }
    var report = builder.report(of: merge)
    report.missing += unreadable
    report.merge.rejected += unreadable
    return report
  }

  /// - Throws: `RunStoreError.unmerged` when there is no whole merge.
  package static func report(
    of run: RunDirectory, plan: WorkPlan, layout: ReportLayout
  ) throws(RunStoreError) -> Report {
    let merge = try run.lastMerge(of: plan)
    let reader = Self(plan: plan, layout: layout)
    try RunStoreError.filing { () throws(SystemFault) in
      try reader.addFile("\(run.mergedPath)/records.jsonl", of: .records)
      try reader.addFile("\(run.mergedPath)/missing.jsonl", of: .missing)
    }
    return try reader.report(of: merge, in: run)
  }

  /// Goes once through a file of any size, with the memory of a few pieces of it.
  private func addFile(_ path: String, of output: MergeOutput) throws(SystemFault) {
    let file = try OpenFile(path: path, flags: O_RDONLY)
    var rest: [UInt8] = []
    var offset = 0
    while true {
      let piece = try file.bytes(offset..<offset + (1 << 20))
      offset += piece.count
      let end = piece.isEmpty ? 0 : piece.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
      if piece.isEmpty || end > 0 {
        self.add(rest + piece[..<end], of: output)
        rest.removeAll()
      }
      if piece.isEmpty { return }
      rest += piece[end...]
      if rest.count > RecordLine.maximumSize {
        throw SystemFault("find the end of a line of", path, code: EFBIG)
      }
    }
  }
}

extension RunDirectory {
  /// What the last whole merge of this plan found.
  func lastMerge(
    of plan: WorkPlan, file: String = "summary.json"
  ) throws(RunStoreError) -> MergeSummary {
    let path = "\(self.mergedPath)/\(file)"
    guard access(path, F_OK) == 0 else {
      throw .unmerged(path: path, reason: "there is no complete merge of this run")
    }
    let bytes = try RunStoreError.filing { () throws(SystemFault) in
      try PlainFile.read(path, whole: 1 << 20)
    }
    guard let merge = try? JSONDecoder().decode(MergeSummary.self, from: Data(bytes)),
      merge.workID == plan.workID
    else { throw .unmerged(path: path, reason: "not what a merge of this run wrote") }
    return merge
  }
}
