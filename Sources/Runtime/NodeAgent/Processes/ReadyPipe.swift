import Glibc
import OperatingSystem

/// How a program that was started says that it is ready: one byte on a descriptor it was given. Other
/// bytes say in words why it is not; the end of the pipe alone says that the program has ended.
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

  private static let readyByte: UInt8 = 1
  /// What a pipe takes at once.
  private static let wordSizeMax = Int(PIPE_BUF)

  /// Blocks until the program is ready, or has ended, or the time is over.
  ///
  /// - Returns: Why it is not ready, where it has said so.
  @discardableResult
  func wait(milliseconds: CInt) -> String {
    var descriptor = pollfd(fd: self.readEnd, events: Int16(POLLIN), revents: 0)
    var count: CInt
    repeat { count = poll(&descriptor, 1, milliseconds) } while count < 0 && errno == EINTR
    guard count > 0,
      let bytes = try? PlainFile.piece(
        of: self.readEnd, named: "the pipe", sizeMax: Self.wordSizeMax)
    else { return "" }
    return bytes == [Self.readyByte] ? "" : String(decoding: bytes, as: UTF8.self)
  }

  /// Called by the program that was started; does nothing where it was given no pipe, as by hand.
  static func announceReady() { Self.announce([Self.readyByte]) }

  /// The same, for one that will not be ready.
  static func announce(_ reason: String) { Self.announce(Array(reason.utf8)) }

  private static func announce(_ bytes: [UInt8]) {
    var status = stat()
    guard fstat(Self.descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else { return }
    try? PlainFile.write(
      Array(bytes.prefix(Self.wordSizeMax)), to: Self.descriptor, named: "the pipe")
    close(Self.descriptor)
  }
}
