package import Rollouts

/// An append-only store of record batches: a spool on a node, a node's records at the coordinator.
/// Simulation replaces it by a disk that fills up and forgets what was not synced.
package protocol RecordLog: Sendable {
  /// Appends whole batches, in order. They are safe only after ``sync()``.
  func append(_ batches: [RecordBatch]) async throws(RecordLogError)

  /// Returns when all that was appended survives the end of the process and of the machine.
  func sync() async throws(RecordLogError)
}

package enum RecordLogError: Error, Equatable {
  /// No room: what was synced stays, what was not may be lost, and nothing more is accepted.
  case diskFull(path: String)
  /// Any other fault of the file system.
  case failed(path: String, operation: String, errno: Int32)
  /// The batch is not one that may be stored (`BatchFrame.fault(of:)`); nothing was appended.
  case refused(path: String, reason: String)

  package init(_ fault: FileFault) {
    if fault.isDiskFull {
      self = .diskFull(path: fault.path)
    } else {
      self = .failed(path: fault.path, operation: fault.operation, errno: fault.errno)
    }
  }
}
