import Glibc
import OperatingSystem

/// The files of a lab, all in one folder of mode 0700.
struct LabFolder {
  let path: String

  func file(_ name: String) -> String { "\(self.path)/\(name)" }

  static func text(at path: String) -> String? {
    (try? PlainFile.read(path, sizeMax: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Replaces a file by rename, so that a reader sees the old or the new one.
  func write(_ text: String, to name: String) throws(LabError) {
    do throws(SystemFault) {
      try PlainFile.publish(Array(text.utf8), at: self.file(name))
    } catch {
      throw .failed(operation: "write \(self.file(name))", reason: error.reason)
    }
  }

  func exists(_ name: String) -> Bool { access(self.file(name), F_OK) == 0 }

  /// The names in it, in order.
  var names: [String] { (try? PlainFile.names(in: self.path)) ?? [] }

  /// First line of a lab's `ports`: a folder without it is somebody else's.
  static let mark = "# muster lab\n"

  var isLab: Bool { Self.text(at: self.file("ports"))?.hasPrefix(Self.mark) == true }

  /// Removes what a lab writes and nothing else, then the folder if it is empty. Only with the lock.
  func remove() {
    for name in Self.removed(of: self.names) { unlink(self.file(name)) }
    rmdir(self.path)
  }

  /// A lab's own files, in the order of their removal: it is marked as a lab to the end, and nobody
  /// else begins a new one before that.
  static func removed(of names: [String]) -> [String] {
    let last = ["ports", "lock"]
    return names.filter { Self.isOwn($0) && !last.contains($0) } + last.filter(names.contains)
  }

  /// The right to change the lab, held by one process at a time until it closes the descriptor.
  ///
  /// - Returns: `nil` where the folder is gone.
  /// - Throws: `LabError.locked` when another process has it.
  func lock() throws(LabError) -> CInt? {
    let path = self.file("lock")
    while true {
      let file = open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o600)
      if file < 0, errno == ENOENT { return nil }
      guard file >= 0 else { throw Self.failed("open \(path)") }
      guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
        close(file)
        throw .locked(folder: self.path)
      }
      if Self.isStill(file, at: path) { return file }
      close(file)
    }
  }

  /// Whether an open file is the one that has its name: who had the lock may have removed it.
  static func isStill(_ file: CInt, at path: String) -> Bool {
    var (own, named) = (stat(), stat())
    return fstat(file, &own) == 0 && lstat(path, &named) == 0
      && own.st_dev == named.st_dev && own.st_ino == named.st_ino
  }

  private static func isOwn(_ name: String) -> Bool {
    // Last, what was about to be written when a process was killed.
    let own =
      #/
      (ports|lock|known_hosts|nodes\.yaml|id_ed25519(\.pub)?
        |node[0-9]+\.(hostkey(\.pub)?|conf|log|process))
      ((\.[0-9]+-[0-9]+)?\.new)?
      /#
    return name.wholeMatch(of: own) != nil
  }

  static func failed(_ operation: String) -> LabError {
    .failed(operation: operation, reason: String(cString: strerror(errno)))
  }
}
