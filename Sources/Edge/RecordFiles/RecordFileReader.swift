import Glibc

/// A record file that is only read, such as by a merge while another process may append to it: what
/// is unfinished at its end is not seen, and nothing is repaired.
package final class RecordFileReader: Sendable {
  package let path: String
  package let entries: [RecordFileEntry]
  /// What is wrong from some offset on; `nil` when nothing is.
  package let damage: String?
  private let file: FileDescriptor

  package init(path: String) throws(FileFault) {
    self.path = path
    self.file = try FileDescriptor(path: path, flags: O_RDONLY)
    let scan = try RecordFileScan(self.file, size: try self.file.size())
    self.entries = scan.entries
    self.damage = scan.corruption.map { "\($0) at byte \(scan.intactSize)" }
  }

  /// The lines of a batch, as they were appended.
  package func lines(of entry: RecordFileEntry) throws(FileFault) -> [UInt8] {
    let lines = try self.file.bytes(entry.offset..<entry.offset + entry.size)
    guard lines.count == entry.size else {
      throw FileFault(path: self.path, operation: "read", errno: EIO)
    }
    return lines
  }
}
