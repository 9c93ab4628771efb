import Glibc
package import OperatingSystem
package import RecordFiles
package import Rollouts

/// A node's record log, which can give back what was not acknowledged.
package protocol SpoolLog: RecordLog {
  /// What it holds, in the order of the sequence numbers.
  var entries: [BatchEntry] { get async }

  /// The highest sequence number it has had; 0: none.
  var lastSequence: UInt64 { get async }

  /// The batches after a sequence number, at most `maximumSize` bytes of lines but at least one.
  func batches(after sequence: UInt64, maximumSize: Int) async throws(SystemFault)
    -> [RecordBatch]

  /// Frees the room of the batches up to a sequence number.
  func drop(through sequence: UInt64) async throws(SystemFault)
}

/// Where a node's spools are.
package protocol SpoolStore: Sendable {
  associatedtype Log: SpoolLog

  /// Opens the spool of a work, or creates it, and removes those of other works.
  func open(workID: String) async throws(SystemFault) -> Log
}

extension RecordFile: SpoolLog {}

/// The spools of a run on this node: one file for each work, the present one alone.
package struct SpoolFolder: SpoolStore {
  private let path: String

  /// - Parameter path: A folder that exists, is this run's and node's alone, and is on a local disk.
  package init(path: String) {
    self.path = path
  }

  package func open(workID: String) async throws(SystemFault) -> RecordFile {
    // The name comes from outside; it is a hash in hexadecimal.
    let isName = 1...64 ~= workID.count && workID.allSatisfy { "0123456789abcdef".contains($0) }
    guard isName else {
      throw SystemFault("name a spool in", self.path, code: EINVAL)
    }
    let name = "spool-\(workID).records"
    self.removeAll(but: name)
    return try RecordFile(path: "\(self.path)/\(name)")
  }

  /// Whether no work has a spool here.
  var isEmpty: Bool {
    !((try? PlainFile.names(in: self.path)) ?? []).contains { $0.hasPrefix("spool-") }
  }

  func removeAll(but name: String? = nil) {
    let names = (try? PlainFile.names(in: self.path)) ?? []
    for other in names where other.hasPrefix("spool-") && other != name {
      unlink("\(self.path)/\(other)")
    }
  }
}
