import FoundationEssentials
import Glibc
import RecordFiles
package import Rollouts

extension RunDirectory {
  /// What the last whole merge of this plan found.
  func lastMerge(of plan: WorkPlan) throws(RunStoreError) -> MergeSummary {
    let path = "\(self.mergedPath)/summary.json"
    let bytes: [UInt8]
    do throws(FileFault) {
      bytes = try DurableFile.read(path, limit: 1 << 20)
    } catch where error.errno == ENOENT {
      throw .unmerged(path: path, reason: "there is no complete merge of this run")
    } catch {
      throw .file(error)
    }
    guard let summary = try? JSONDecoder().decode(MergeSummary.self, from: Data(bytes)),
      summary.workID == plan.workID
    else { throw .unmerged(path: path, reason: "not what a merge of this run wrote") }
    return summary
  }

  /// Makes the report out of what the last merge left.
  ///
  /// - Throws: `RunStoreError.unmerged` when there is no whole merge, or a merged line is not a record.
  package func report(
    of plan: WorkPlan, layout: ReportLayout
  ) throws(RunStoreError) -> Report {
    let summary = try self.lastMerge(of: plan)
    var builder = ReportBuilder(plan: plan, layout: layout)
    try RunStoreError.filing { () throws(FileFault) in
      try Self.forEachLine(of: "\(self.mergedPath)/records.jsonl") { builder.add($0) }
      try Self.forEachLine(of: "\(self.mergedPath)/missing.jsonl") { builder.addMissing($0) }
    }
    guard builder.recordCount == summary.merged, builder.unreadableCount == 0 else {
      throw .unmerged(path: self.mergedPath, reason: "not what a merge of this run wrote")
    }
    return builder.report(of: summary)
  }

  /// Calls `body` with each line and its line feed; the last one may lack it. Takes the memory of a
  /// piece of the file.
  private static func forEachLine(
    of path: String, _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(FileFault) {
    let file = try FileDescriptor(path: path, flags: O_RDONLY)
    var rest: [UInt8] = []
    var offset = 0
    while true {
      let piece = try file.bytes(offset..<offset + (1 << 20))
      offset += piece.count
      rest += piece
      let isLast = piece.isEmpty
      let used = rest.withUnsafeBytes { bytes in
        var start = 0
        while let end = RecordLineFeeds.first(in: bytes, from: start) {
          body(UnsafeRawBufferPointer(rebasing: bytes[start...end]))
          start = end + 1
        }
        if isLast, start < bytes.count { body(UnsafeRawBufferPointer(rebasing: bytes[start...])) }
        return start
      }
      if isLast { return }
      rest.removeFirst(used)
      if rest.count > RecordLine.maximumSize {
        throw FileFault(path: path, operation: "find the end of a line of", errno: EFBIG)
      }
    }
  }
}
