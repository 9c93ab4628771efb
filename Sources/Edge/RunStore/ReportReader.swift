import FoundationEssentials
import Glibc
import RecordFiles
package import Rollouts

/// Makes the report of a run out of what its last merge left.
package enum ReportReader {
  /// - Throws: `RunStoreError.damaged` when there is no whole merge, or a merged line is not a record.
  package static func report(
    of run: RunDirectory, plan: WorkPlan, layout: ReportLayout
  ) throws(RunStoreError) -> Report {
    let summaryPath = "\(run.mergedPath)/summary.json"
    do throws(FileFault) {
      let bytes = try DurableFile.read(summaryPath, limit: 1 << 20)
      guard let summary = try? JSONDecoder().decode(MergeSummary.self, from: Data(bytes)),
        summary.workID == plan.workID
      else { throw FileFault(path: summaryPath, operation: "decode", errno: EINVAL) }
      var builder = ReportBuilder(plan: plan, layout: layout)
      try LineReader.forEachLine(of: "\(run.mergedPath)/records.jsonl") { builder.add($0) }
      try LineReader.forEachLine(of: "\(run.mergedPath)/missing.jsonl") { builder.addMissing($0) }
      guard builder.recordCount == summary.merged, builder.unreadableCount == 0 else {
        throw FileFault(path: run.mergedPath, operation: "find the summary's records in", errno: 0)
      }
      return builder.report(of: summary)
    } catch {
      if error.path == summaryPath, error.errno == ENOENT {
        throw .damaged(path: summaryPath, reason: "there is no complete merge of this run")
      }
      if error.errno == 0 || error.errno == EINVAL {
        throw .damaged(path: error.path, reason: "not what a merge of this run wrote")
      }
      throw .file(error)
    }
  }
}

/// Goes once through the lines of a file of any size, with the memory of a piece of it.
private enum LineReader {
  private static let pieceSize = 1 << 20

  /// Calls `body` with each line and its line feed; the last one may lack it.
  static func forEachLine(
    of path: String, _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(FileFault) {
    let file = try FileDescriptor(path: path, flags: O_RDONLY)
    var rest: [UInt8] = []
    var offset = 0
    while true {
      let piece = try file.bytes(offset..<offset + Self.pieceSize)
      offset += piece.count
      rest += piece
      let isLast = piece.isEmpty
      let used = rest.withUnsafeBytes { bytes in
        var start = 0
        while let end = RecordLineFeeds.first(in: bytes, from: start) {
          body(UnsafeRawBufferPointer(rebasing: bytes[start...end]))
          start = end + 1
        }
        if isLast, start < bytes.count {
          body(UnsafeRawBufferPointer(rebasing: bytes[start...]))
        }
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
