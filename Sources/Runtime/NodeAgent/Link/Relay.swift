import Dispatch
import Fleet
import Glibc
import OperatingSystem

/// Joins standard input and output to the daemon's socket, until either side has closed.
///
/// Two loops over `read` and `write`: `connect` does nothing else, and starts on every node each time
/// a link is made.
enum Relay {
  /// Four full pipes: larger reads save nothing more.
  private static let bufferSize = 256 << 10

  /// Returns when what the daemon sends has ended, or has nowhere to go. The end of the input is passed
  /// on as a half-closure, and the other direction goes on.
  static func run(input: CInt, output: CInt, socket: CInt) throws(SystemFault) {
    for descriptor in [input, output] {
      let flags = fcntl(descriptor, F_GETFL)
      if flags & O_NONBLOCK != 0 { _ = fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) }
    }
    try PlainFile.write(Array(AgentPreface.line.utf8), to: output, named: "the preface")
    DispatchQueue(label: "to the daemon").async {
      Self.copy(input, to: socket, until: output)
      shutdown(socket, CInt(SHUT_WR))
    }
    Self.copy(socket, to: output)
  }

  /// At most one buffer is on its way, so that a slow reader holds a fast writer back. A connection that
  /// was reset has ended, too.
  ///
  /// - Parameter reader: Once nobody reads it any more, the sink is closed.
  private static func copy(_ source: CInt, to sink: CInt, until reader: CInt? = nil) {
    var buffer = [UInt8](repeating: 0, count: Self.bufferSize)
    while true {
      if let reader {
        var events = [source, reader].map { pollfd(fd: $0, events: 0, revents: 0) }
        events[0].events = Int16(POLLIN)
        _ = poll(&events, 2, -1)
        if events[1].revents & Int16(POLLERR) != 0 { shutdown(sink, CInt(SHUT_RDWR)) }
      }
      let count = read(source, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      var rest = buffer[..<count]
      while !rest.isEmpty {
        let written = rest.withUnsafeBytes { write(sink, $0.baseAddress, $0.count) }
        if written < 0, errno == EINTR { continue }
        guard written > 0 else { return }
        rest.removeFirst(written)
      }
    }
  }
}
