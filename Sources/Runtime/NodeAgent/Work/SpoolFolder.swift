import Glibc
package import RecordFiles

/// The spools of a run on this node: one file for each work, the present one alone.
package struct SpoolFolder: SpoolStore {
  private let path: String

  /// - Parameter path: A folder that exists, is this run's and node's alone, and is on a local disk.
  package init(path: String) {
    self.path = path
  }

  package func open(workID: String) async throws(RecordLogError) -> RecordFile {
    // The name comes from outside; it is a hash in hexadecimal.
    let isName = 1...64 ~= workID.utf8.count && workID.utf8.allSatisfy { $0.isHexadecimalDigit }
    guard isName else { throw .refused(path: self.path, reason: "a work id that is no hash") }
    let name = "spool-\(workID).records"
    self.removeOthers(than: name)
    return try RecordFile(path: "\(self.path)/\(name)")
  }

  /// Whether no work has a spool here.
  var isEmpty: Bool {
    !((try? PlainFile.names(in: self.path)) ?? []).contains { $0.hasPrefix("spool-") }
  }

  /// Removes the spool of every work.
  func removeAll() {
    self.removeOthers(than: nil)
  }

  private func removeOthers(than name: String?) {
    let names = (try? PlainFile.names(in: self.path)) ?? []
    for other in names where other.hasPrefix("spool-") && other != name {
      unlink("\(self.path)/\(other)")
    }
  }
}

extension UInt8 {
  fileprivate var isHexadecimalDigit: Bool {
    (48...57).contains(self) || (97...102).contains(self)
  }
}
