import Fleet
import Glibc
import NIOCore
import NIOEmbedded
import Testing

@testable import SSH

@Suite(.enabled(if: TestKeys.hasSSHD, "no /usr/sbin/sshd: install openssh-server"), .serialized)
struct SSHClientHandlerTests {
  private let keys: TestKeys

  init() throws {
    self.keys = try TestKeys.shared.get()
  }

  @Test func `a command's output and status arrive when every byte comes alone`() throws {
    let server = try InetdServer(self.keys)
    let conversation = try SSHConversation(
      self.keys.configuration("printf hello; exit 7"), with: server,
      split: { 1 })
    #expect(try conversation.run())
    #expect(String(decoding: conversation.plaintext, as: UTF8.self) == "hello")
    #expect(conversation.ends == [CommandEnd(outcome: .exited(status: 7), standardError: "")])
    #expect(conversation.openings.count == 1)
    #expect(conversation.isOpen)
  }

  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
  func `bytes go through cat unchanged however the stream is split`(seed: UInt64) throws {
    let server = try InetdServer(self.keys)
    var generator = SplitMix64(state: seed)
    let conversation = try SSHConversation(
      self.keys.configuration("cat"), with: server,
      split: { Int.random(in: 1...200, using: &generator) })
    var content = SplitMix64(state: seed)
    let bytes = (0..<50_000).map { _ in UInt8(truncatingIfNeeded: content.next()) }
    let written = conversation.write(bytes)
    var isWritten = false
    written.assumeIsolated().whenSuccess { isWritten = true }
    conversation.channel.close(mode: .output, promise: nil)
    #expect(try conversation.run())
    #expect(isWritten)
    #expect(conversation.plaintext == bytes)
    #expect(conversation.ends.map(\.outcome) == [.exited(status: 0)])
  }

  /// Every offset of the first 64, then every 24th of all that comes until the command runs.
  @Test func `a stream cut anywhere is an error and settles each promise once`() throws {
    let whole = try InetdServer(self.keys)
    let full = try SSHConversation(
      self.keys.configuration("cat"), with: whole)
    #expect(try full.run(until: { full.isOpen }))
    let openingSize = full.inboundCount
    try #require(openingSize > 1000)
    for cut in Array(0..<64) + Array(stride(from: 64, to: openingSize, by: 24)) {
      let server = try InetdServer(self.keys)
      let conversation = try SSHConversation(
        self.keys.configuration("cat"), with: server)
      conversation.cut = cut
      let written = conversation.write([1, 2, 3])
      var writeFailures = 0
      written.assumeIsolated().whenFailure { _ in writeFailures += 1 }
      #expect(try conversation.run(), "cut at \(cut)")
      #expect(conversation.openings.count == 1, "cut at \(cut)")
      #expect(!conversation.isOpen, "cut at \(cut)")
      #expect(conversation.ends.count == 1, "cut at \(cut)")
      #expect(writeFailures == 1, "cut at \(cut)")
      guard case .lost(.disconnected(let phase, _))? = conversation.ends.first?.outcome else {
        Issue.record("cut at \(cut): \(conversation.ends)")
        continue
      }
      if cut == 0 { #expect(phase == .greeting) }
    }
  }

  @Test func `megabytes go both ways through key exchanges with a reader that pauses`() throws {
    let server = try InetdServer(self.keys, options: ["RekeyLimit=16K"])
    let conversation = try SSHConversation(
      self.keys.configuration("cat"), with: server)
    #expect(try conversation.run(until: { conversation.isOpen }))
    let piece = (0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let count = 48
    var writtenCount = 0
    for _ in 0..<count {
      conversation.write(piece).assumeIsolated().whenSuccess { writtenCount += 1 }
    }
    conversation.channel.close(mode: .output, promise: nil)
    conversation.isPaused = true
    #expect(try conversation.run(until: { writtenCount >= count / 2 }))
    conversation.isPaused = false
    conversation.channel.read()
    #expect(try conversation.run())
    #expect(writtenCount == count)
    #expect(conversation.plaintext.count == count * piece.count)
    for index in 0..<count {
      let part = conversation.plaintext[index * piece.count..<(index + 1) * piece.count]
      #expect(part.elementsEqual(piece))
    }
    #expect(conversation.ends.map(\.outcome) == [.exited(status: 0)])
  }

  @Test func `a flood of standard error does not stop standard output and its end is kept`() throws
  {
    let server = try InetdServer(self.keys)
    let conversation = try SSHConversation(
      self.keys.configuration(
        "head -c 9000000 /dev/zero >&2; echo last words >&2; echo done"),
      with: server)
    #expect(try conversation.run())
    #expect(String(decoding: conversation.plaintext, as: UTF8.self) == "done\n")
    let end = try #require(conversation.ends.first)
    #expect(end.outcome == .exited(status: 0))
    #expect(end.standardError.hasSuffix("last words\n"))
    #expect(end.standardError.utf8.count == LibSSH2Session.standardErrorSizeMax)
  }

  @Test func `a command that a signal ends says so`() throws {
    let server = try InetdServer(self.keys)
    let conversation = try SSHConversation(
      self.keys.configuration("kill -TERM $$"), with: server)
    #expect(try conversation.run())
    #expect(conversation.ends.map(\.outcome) == [.signalled(name: "TERM")])
  }

  @Test func `writes and ends after the end fail at once`() throws {
    let server = try InetdServer(self.keys)
    let conversation = try SSHConversation(
      self.keys.configuration("true"), with: server)
    #expect(try conversation.run())
    var failures = 0
    conversation.write([1]).assumeIsolated().whenFailure { _ in failures += 1 }
    conversation.channel.close(mode: .output).assumeIsolated().whenFailure { _ in failures += 1 }
    conversation.channel.embeddedEventLoop.run()
    #expect(failures == 2)
  }

  @Test func `a deadline that passes names the phase`() throws {
    var ends: [CInt] = [-1, -1]
    try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
    defer { for end in ends { close(end) } }
    let conversation = try SSHConversation(
      self.keys.configuration("cat"), descriptor: ends[0],
      deadline: .uptimeNanoseconds(5_000_000_000))
    conversation.channel.embeddedEventLoop.advanceTime(by: .seconds(4))
    #expect(conversation.ends.isEmpty)
    conversation.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
    #expect(conversation.ends.map(\.outcome) == [.lost(.timedOut(during: .greeting))])
  }

  @Test(arguments: [
    "Exceeded MaxStartups\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "\0\0\0\0",
    String(repeating: "x", count: 3_000),
  ])
  func `a server that does not speak SSH is an error`(greeting: String) throws {
    var ends: [CInt] = [-1, -1]
    try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
    _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
    let conversation = try SSHConversation(
      self.keys.configuration("cat"), descriptor: ends[0])
    _ = greeting.withCString { Glibc.write(ends[1], $0, greeting.utf8.count) }
    close(ends[1])
    defer { close(ends[0]) }
    #expect(try conversation.run())
    guard case .lost(.disconnected(let phase, _))? = conversation.ends.first?.outcome else {
      Issue.record("\(conversation.ends)")
      return
    }
    #expect(phase == .greeting)
  }

  @Test func `more ciphertext than any window allows ends the session`() throws {
    let conversation = try SSHConversation(self.keys.configuration("cat"), descriptor: -1)
    let flood = ByteBuffer(repeating: 0x20, count: LibSSH2Session.inboundSizeMax + 1)
    conversation.channel.pipeline.fireChannelRead(flood)
    conversation.channel.embeddedEventLoop.run()
    #expect(conversation.ends.map(\.outcome) == [.lost(.windowExceeded)])
  }

  /// libssh2 would keep 800 MB of them before it has seen a host key.
  @Test func `a server that sends packets without end before the login is left`() throws {
    let conversation = try SSHConversation(self.keys.configuration("cat"), descriptor: -1)
    func send(_ bytes: [UInt8]) {
      conversation.channel.pipeline.fireChannelRead(ByteBuffer(bytes: bytes))
      conversation.channel.pipeline.fireChannelReadComplete()
      conversation.channel.embeddedEventLoop.run()
    }
    send(Array("SSH-2.0-x\r\n".utf8))
    // SSH_MSG_UNIMPLEMENTED, which nobody asks for: length, padding, number, sequence.
    let packet: [UInt8] = [0, 0, 0, 12, 6, 3, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 6)
    let packets = [[UInt8]](repeating: packet, count: 4096).flatMap(\.self)
    for _ in 0..<64 where conversation.ends.isEmpty { send(packets) }
    switch conversation.ends.first?.outcome {
    case .lost(.flooded(during: .handshake)), .lost(.disconnected(during: .handshake, _)): break
    default: Issue.record("\(conversation.ends)")
    }
  }
}
