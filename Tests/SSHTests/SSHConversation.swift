import Glibc
import NIOCore
import NIOEmbedded
import Testing

@testable import SSH

/// An `SSHClientHandler` in an `EmbeddedChannel`, whose ciphertext goes to a real sshd and comes back
/// in pieces of the test's choosing.
final class SSHConversation {
  /// Bytes of each next piece of inbound ciphertext.
  typealias Split = () -> Int

  let channel = EmbeddedChannel()
  private let descriptor: CInt
  /// Lives as long as the conversation with it.
  private let server: InetdServer?
  /// An accepted host key is saved when this succeeds.
  let saved: EventLoopPromise<Void>
  /// Settled results, in the order they came; each promise may add one.
  private(set) var openings: [Result<SSHHostKey?, any Error>] = []
  private(set) var ends: [CommandEnd] = []
  private(set) var plaintext: [UInt8] = []
  private(set) var inboundCount = 0
  /// Ciphertext from the server is cut off here.
  var cut = Int.max
  /// How long nothing may come, in milliseconds.
  var patience: CInt = 30_000
  /// Nobody asks for plaintext while this is set.
  var isPaused = false
  private var split: Split
  private var pending: [UInt8] = []

  convenience init(
    _ configuration: SSHConfiguration, with server: InetdServer,
    split: @escaping Split = { 64 << 10 }
  ) throws {
    try self.init(
      configuration, descriptor: server.descriptor, server: server, deadline: .distantFuture,
      split: split)
  }

  convenience init(
    _ configuration: SSHConfiguration, descriptor: CInt, deadline: NIODeadline = .distantFuture
  ) throws {
    try self.init(
      configuration, descriptor: descriptor, server: nil, deadline: deadline,
      split: { 64 << 10 })
  }

  private init(
    _ configuration: SSHConfiguration, descriptor: CInt, server: InetdServer?,
    deadline: NIODeadline, split: @escaping Split
  ) throws {
    self.server = server
    self.descriptor = descriptor
    self.split = split
    let loop = self.channel.eventLoop
    let saved = loop.makePromise(of: Void.self)
    self.saved = saved
    let opened = loop.makePromise(of: SSHHostKey?.self)
    let ended = loop.makePromise(of: CommandEnd.self)
    opened.futureResult.assumeIsolated().whenComplete { self.openings.append($0) }
    ended.futureResult.assumeIsolated().whenSuccess { self.ends.append($0) }
    let handler = try SSHClientHandler(
      configuration, deadline: deadline, opened: opened, ended: ended
    ) { _ in saved.futureResult }
    try self.channel.pipeline.syncOperations.addHandler(handler)
    self.channel.connect(to: try SocketAddress(unixDomainSocketPath: "/sshd"), promise: nil)
    self.channel.read()
  }

  var isOpen: Bool { if case .success? = self.openings.first { true } else { false } }

  func write(_ bytes: [UInt8]) -> EventLoopFuture<Void> {
    self.channel.writeAndFlush(ByteBuffer(bytes: bytes))
  }

  /// Moves bytes until `isDone`, or until the conversation has ended.
  ///
  /// - Returns: Whether that came with no longer pause than ``patience``.
  @discardableResult
  func run(until isDone: () -> Bool = { false }) throws -> Bool {
    while true {
      self.channel.embeddedEventLoop.run()
      try self.takePlaintext()
      if isDone() || !self.ends.isEmpty { return true }
      try self.fillOutput()
      if try !self.exchange() { return false }
    }
  }

  /// Sends what waits and takes what has come; waits where there is neither.
  private func exchange() throws -> Bool {
    var event = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
    if !self.pending.isEmpty { event.events |= Int16(POLLOUT) }
    guard poll(&event, 1, self.patience) > 0 else { return false }
    if event.revents & Int16(POLLOUT) != 0 {
      let count = Glibc.send(
        self.descriptor, self.pending, self.pending.count, CInt(MSG_NOSIGNAL))
      if count > 0 { self.pending.removeFirst(count) } else { self.pending = [] }
    }
    if event.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 {
      var bytes = [UInt8](repeating: 0, count: 64 << 10)
      let count = Glibc.read(self.descriptor, &bytes, bytes.count)
      if count > 0 {
        try self.receive(bytes[..<count])
      } else if count == 0 || errno != EAGAIN {
        self.disconnect()
      }
    }
    return true
  }

  private func receive(_ bytes: ArraySlice<UInt8>) throws {
    var rest = bytes.prefix(self.cut - self.inboundCount)
    let isCut = rest.count < bytes.count
    while !rest.isEmpty {
      let piece = rest.prefix(max(1, self.split()))
      rest = rest.dropFirst(piece.count)
      self.inboundCount += piece.count
      self.channel.pipeline.fireChannelRead(ByteBuffer(bytes: piece))
      self.channel.pipeline.fireChannelReadComplete()
      self.channel.embeddedEventLoop.run()
      try self.takePlaintext()
      try self.fillOutput()
    }
    if isCut { self.disconnect() }
  }

  func disconnect() {
    self.channel.pipeline.fireChannelInactive()
    self.channel.embeddedEventLoop.run()
  }

  private func takePlaintext() throws {
    while let bytes = try self.channel.readInbound(as: ByteBuffer.self) {
      self.plaintext += bytes.readableBytesView
      if !self.isPaused { self.channel.read() }
    }
  }

  private func fillOutput() throws {
    while let bytes = try self.channel.readOutbound(as: ByteBuffer.self) {
      self.pending += bytes.readableBytesView
    }
  }

  deinit {
    self.saved.succeed()
    // A handler that has failed leaves its error behind; it has been seen in `ends`.
    _ = try? self.channel.finish(acceptAlreadyClosed: true)
  }
}
