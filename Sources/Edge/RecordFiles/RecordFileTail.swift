import Glibc
import Rollouts

/// Counts the results of a record file that another process appends to: each look reads only what has
/// come since the one before.
package struct RecordFileTail: Sendable {
  private let path: String
  private var scan = RecordFileScan()
  /// Items of all batches so far; one that was done twice counts twice.
  package private(set) var itemCount: UInt64 = 0

  package init(path: String) {
    self.path = path
  }

  /// Blocks for reading. What is unfinished at the end, or wrong, is not counted.
  package mutating func look() throws(FileFault) {
    let file = try FileDescriptor(path: self.path, flags: O_RDONLY)
    let size = try file.size()
    if size < self.scan.intactSize { self = Self(path: self.path) }
    guard self.scan.corruption == nil else { return }
    try self.scan.goOn(file, to: size)
    self.itemCount = self.scan.entries.reduce(self.itemCount) {
      $0 &+ ($1.header.kind == .result ? $1.header.items.count : 0)
    }
    self.scan.entries = []
  }
}
