package import RecordFiles
package import Rollouts

/// A node's record log, which can give back what was not acknowledged.
package protocol SpoolLog: RecordLog {
  /// What it holds, in the order of the sequence numbers.
  func contents() async -> [SpoolMachine.Entry]

  /// The highest sequence number it has had; 0: none.
  func highestSequence() async -> UInt64

  /// The batches after a sequence number, at most `maximumSize` bytes of lines but at least one.
  func batches(after sequence: UInt64, maximumSize: Int) async throws(RecordLogError)
    -> [RecordBatch]

  /// Frees the room of the batches up to a sequence number.
  func drop(through sequence: UInt64) async throws(RecordLogError)
}

/// Where a node's spools are.
package protocol SpoolStore: Sendable {
  associatedtype Log: SpoolLog

  /// Opens the spool of a work, or creates it, and removes those of other works.
  func open(workID: String) async throws(RecordLogError) -> Log
}

extension RecordFile: SpoolLog {
  package func contents() async -> [SpoolMachine.Entry] {
    self.entries.map {
      SpoolMachine.Entry(sequence: $0.sequence, items: $0.items, size: $0.size)
    }
  }

  package func highestSequence() async -> UInt64 { self.lastSequence }
}
