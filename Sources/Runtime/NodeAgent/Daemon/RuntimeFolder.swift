import Glibc
import OperatingSystem

/// The folder that holds the socket and the lock of one run's daemon, on this machine alone.
///
/// It is `/tmp/muster-<uid>/<12 hex>`, else the same in `/dev/shm`, and never in `XDG_RUNTIME_DIR`:
/// systemd removes that folder when the last session of a user ends, and a daemon has to be found
/// again after the link that started it is gone. What it cannot be is a folder on a network file
/// system, where other nodes would see it and locks are not to be relied on.
///
/// ```
/// lock         held while someone looks for the daemon, so that only one is started
/// socket       mode 0600
/// daemon.log   standard output and error of the daemon
/// ```
package struct RuntimeFolder: Equatable, Sendable {
  /// Where a run's folder may be, in order of preference.
  package static let bases = ["/tmp", "/dev/shm"]

  package let path: String

  package var socket: String { "\(self.path)/socket" }
  package var lock: String { "\(self.path)/lock" }
  package var log: String { "\(self.path)/daemon.log" }

  /// The first folder that is ours alone and local; made if need be.
  ///
  /// - Throws: `NodeAgentError.noRuntimeFolder` with the reason against each.
  package static func make(
    for identity: AgentIdentity, in bases: [String] = Self.bases
  ) throws(NodeAgentError) -> RuntimeFolder {
    var reasons: [String] = []
    for folder in Self.places(of: identity, in: bases) {
      let own = PlainFile.folder(of: folder.path)
      if let reason = Self.fault(makingPrivate: own) ?? Self.fault(makingPrivate: folder.path) {
        reasons.append(reason)
      } else {
        return folder
      }
    }
    throw .noRuntimeFolder(reasons: reasons)
  }

  /// Where it may be, in order of preference; nothing is made.
  static func places(
    of identity: AgentIdentity, in bases: [String] = Self.bases
  ) -> [RuntimeFolder] {
    bases.map { RuntimeFolder(path: "\($0)/muster-\(geteuid())/\(identity.digest)") }
  }

  /// Marks the folder as a daemon's for as long as the descriptor is open: no second daemon gets it,
  /// and systemd-tmpfiles, which removes what is old from `/tmp`, leaves a locked folder alone.
  ///
  /// One that is just ending takes the folder with it: for two seconds it is made and tried again.
  ///
  /// - Returns: The caller's to close.
  func hold() throws(SystemFault) -> CInt {
    for _ in 0..<100 {
      mkdir(self.path, 0o700)
      let folder = try SystemFault.check("open \(self.path)") {
        open(self.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      }
      var (held, found) = (stat(), stat())
      // Locked, and not removed in between.
      if flock(folder, LOCK_EX | LOCK_NB) == 0, fstat(folder, &held) == 0,
        stat(self.path, &found) == 0, held.st_ino == found.st_ino
      {
        return folder
      }
      close(folder)
      usleep(20_000)
    }
    throw SystemFault("lock \(self.path), which another daemon holds", code: EWOULDBLOCK)
  }

  /// Whether a daemon has it. Asks the kernel, and never who may hang, or another user.
  var isHeld: Bool {
    let folder = open(self.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard folder >= 0 else { return false }
    defer { close(folder) }
    var status = stat()
    guard fstat(folder, &status) == 0, status.st_uid == geteuid() else { return false }
    return flock(folder, LOCK_SH | LOCK_NB) != 0
  }

  /// The file that is locked by who looks for the daemon; the caller's to close.
  func openLock() throws(SystemFault) -> CInt {
    try SystemFault.check("open \(self.lock)") {
      open(self.lock, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o600)
    }
  }

  /// Removes what is in it, and itself.
  package func remove() {
    for file in [self.socket, self.log, self.lock] { unlink(file) }
    rmdir(self.path)
  }

  /// Why the folder cannot be used; `nil`: it can.
  private static func fault(makingPrivate path: String) -> String? {
    if mkdir(path, 0o700) != 0, errno != EEXIST {
      return "\(path): \(String(cString: strerror(errno)))"
    }
    var status = stat()
    guard lstat(path, &status) == 0 else { return "\(path): \(String(cString: strerror(errno)))" }
    // Someone else's folder, or a link to one, could hold someone else's socket.
    guard status.st_mode & S_IFMT == S_IFDIR else { return "\(path) is not a folder" }
    guard status.st_uid == geteuid() else { return "\(path) belongs to user \(status.st_uid)" }
    guard status.st_mode & 0o077 == 0 else { return "\(path) is open to others than its owner" }
    return FileSystemKind.isNetwork(path) ? "\(path) is on a network file system" : nil
  }
}
