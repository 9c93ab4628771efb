import Fleet
import Glibc
import OperatingSystem

/// Joins standard input and output to the daemon's socket, until either side has closed.
///
/// A loop over `poll` and two buffers: `connect` does nothing else, and starts on every node each time
/// a link is made.
struct Relay: ~Copyable {
  private var toDaemon: RelayDirection
  private var fromDaemon: RelayDirection

  /// Takes ownership of the three descriptors. Nothing of the preface is written before all is ready
  /// for the bytes that follow it.
  static func run(input: CInt, output: CInt, socket: CInt) throws(SystemFault) {
    for descriptor in [input, output, socket] {
      let flags = fcntl(descriptor, F_GETFL)
      _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
    }
    var relay = Relay(
      toDaemon: RelayDirection(from: input, to: socket, toSocket: true, first: []),
      fromDaemon: RelayDirection(
        from: socket, to: output, toSocket: false, first: Array(AgentPreface.line.utf8)))
    while try relay.step() {}
    for descriptor in [input, output, socket] { close(descriptor) }
  }

  /// Waits until a descriptor is ready, and moves what can be moved.
  ///
  /// - Returns: False when there is nothing left to do: either side is gone, or both have ended.
  private mutating func step() throws(SystemFault) -> Bool {
    // What the daemon sends has nowhere to go, or will never come again: the link is over.
    if self.fromDaemon.isDone { return false }
    var descriptors = [
      self.toDaemon.readPoll, self.toDaemon.writePoll,
      self.fromDaemon.readPoll, self.fromDaemon.writePoll,
    ]
    try SystemFault.check("poll") { poll(&descriptors, nfds_t(descriptors.count), -1) }
    self.toDaemon.move(readable: descriptors[0].revents, writable: descriptors[1].revents)
    self.fromDaemon.move(readable: descriptors[2].revents, writable: descriptors[3].revents)
    return true
  }
}

/// One direction of a relay: at most one buffer on its way, so that a slow reader holds a fast writer
/// back.
private struct RelayDirection: ~Copyable {
  /// Four full pipes: larger reads save nothing more.
  private static let bufferSize = 256 << 10

  private let source: CInt
  private let sink: CInt
  private let sinkIsSocket: Bool
  private var buffer: [UInt8]
  /// What of the buffer is not written yet.
  private var pending: Range<Int>
  private var sourceHasEnded = false
  private(set) var isDone = false

  /// - Parameters:
  ///   - toSocket: Its end is passed on as a half-closure, and the other direction goes on.
  ///   - first: Goes out before anything that is read.
  init(from source: CInt, to sink: CInt, toSocket: Bool, first: [UInt8]) {
    self.source = source
    self.sink = sink
    self.sinkIsSocket = toSocket
    self.buffer = first + [UInt8](repeating: 0, count: Self.bufferSize - first.count)
    self.pending = 0..<first.count
  }

  /// A negative descriptor is one that `poll` leaves out.
  var readPoll: pollfd {
    let wanted = self.pending.isEmpty && !self.sourceHasEnded && !self.isDone
    return pollfd(fd: wanted ? self.source : -1, events: Int16(POLLIN), revents: 0)
  }

  var writePoll: pollfd {
    // With nothing to write, POLLERR alone is awaited: the reader has gone.
    let events = self.pending.isEmpty ? 0 : Int16(POLLOUT)
    return pollfd(fd: self.isDone ? -1 : self.sink, events: events, revents: 0)
  }

  mutating func move(readable: Int16, writable: Int16) {
    if self.isDone { return }
    if readable != 0 { self.read() }
    if !self.pending.isEmpty, readable != 0 || writable & Int16(POLLOUT) != 0 { self.write() }
    if writable & Int16(POLLERR) != 0 { self.isDone = true }
    if self.sourceHasEnded, self.pending.isEmpty, !self.isDone {
      self.isDone = true
      if self.sinkIsSocket { shutdown(self.sink, CInt(SHUT_WR)) }
    }
  }

  private mutating func read() {
    let count = Glibc.read(self.source, &self.buffer, self.buffer.count)
    if count > 0 {
      self.pending = 0..<count
    } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
      // A connection that was reset has ended, too.
      self.sourceHasEnded = true
    }
  }

  private mutating func write() {
    let count = self.buffer.withUnsafeBytes { bytes in
      let rest = UnsafeRawBufferPointer(rebasing: bytes[self.pending])
      return Glibc.write(self.sink, rest.baseAddress, rest.count)
    }
    if count >= 0 {
      self.pending = (self.pending.lowerBound + count)..<self.pending.upperBound
    } else if errno != EAGAIN, errno != EINTR {
      // The reader has gone; nobody misses the rest.
      self.isDone = true
    }
  }
}
