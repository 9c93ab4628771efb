import Glibc
import OperatingSystem

/// How a program that was started says that it is ready: one byte on a descriptor it was given. The
/// end of the pipe without it says that the program has ended.
struct ReadyPipe: ~Copyable {
  /// The descriptor's number in the program that was started.
  static let descriptor: CInt = 3

  private let readEnd: CInt
  private var writeEnd: CInt

  init() throws(SystemFault) {
    (self.readEnd, self.writeEnd) = try SystemFault.checkedPipe()
  }

  deinit {
    close(self.readEnd)
    if self.writeEnd >= 0 { close(self.writeEnd) }
  }

  /// Starts the child with the other end of the pipe.
  mutating func spawn(_ child: ChildProcess) throws(SystemFault) -> pid_t {
    var child = child
    child.inherited = self.writeEnd
    let processID = try child.spawn()
    close(self.writeEnd)
    self.writeEnd = -1
    return processID
  }

  /// Blocks until the program is ready, or has ended, or the time is over.
  func wait(milliseconds: CInt) {
    var descriptor = pollfd(fd: self.readEnd, events: Int16(POLLIN), revents: 0)
    while poll(&descriptor, 1, milliseconds) < 0, errno == EINTR {}
  }

  /// Called by the program that was started; does nothing where it was given no pipe, as by hand.
  static func announceReady() {
    var status = stat()
    guard fstat(Self.descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else { return }
    var byte: UInt8 = 1
    write(Self.descriptor, &byte, 1)
    close(Self.descriptor)
  }
}
