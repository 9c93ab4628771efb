/// How much a node keeps of what its coordinator has not acknowledged.
package struct SpoolSettings: Equatable, Sendable {
  /// Bytes of records on disk that stop the worker until the coordinator is back: some 380,000
  /// records of the simulator, and little beside the disks of a node.
  package var sizeMax = 256 << 20
  /// Bytes that wait in memory for the disk; the worker waits beyond.
  package var pendingSizeMax = 8 << 20
  /// Bytes already on disk that are kept in memory too, so that sending need not read them again.
  package var recentSizeMax = 8 << 20
  /// A batch is closed at this size: large enough for one fsync and one message to cost little.
  package var batchSize = 256 << 10
  /// A batch is closed when its first record is so old.
  package var batchAge: Duration = .milliseconds(100)
  /// Items in a batch at most, as in `BatchFrame`.
  package var batchCountMax = 16_384
  /// The spool's file is written anew, without what was acknowledged, from this size on.
  package var compactionSize = 32 << 20

  package init() {}
}
