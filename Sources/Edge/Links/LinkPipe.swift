import Fleet
import GRPCNIOTransportHTTP2TransportServices
import Glibc
import NIOCore
import NIOPosix
import OperatingSystem
import Plan
import SSH
import Synchronization

/// A pipe to a node on which no agent speaks yet.
struct LinkPipe: Sendable {
  private static let greetingName = "agent-greeting"

  let channel: any Channel
  let end: EventLoopFuture<CommandEnd>
  /// For people: `host:port`, or the program.
  let address: String
  /// Whether an `sh` is at the other end, rather than the agent.
  let readsScript: Bool
  /// Of SSH alone.
  var unusableKeys: [SSHRefusal.Unusable] = []

  var loop: any EventLoop { self.channel.eventLoop }

  // MARK: Opening

  /// Connects and logs in, in the time until `deadline`; returns once TCP is connected.
  static func ssh(
    _ ssh: SSHSpecification, _ knownHosts: KnownHostsFiles, _ deadline: NIODeadline,
    _ greeting: @escaping @Sendable () -> AgentGreetingHandler, on loop: any EventLoop
  ) async throws(LinkError) -> LinkPipe {
    let (keys, unusable) = Self.keys(in: ssh.identityFiles)
    guard !keys.isEmpty else { throw .noUsableKey(user: ssh.user, unusable: unusable) }
    let known = try knownHosts.hosts(in: ssh.knownHostsFiles).keys(host: ssh.host, port: ssh.port)
    let configuration = SSHConfiguration(
      user: ssh.user, privateKeys: keys, knownHostKeys: known,
      unknownHosts: ssh.unknownHosts, command: "exec sh")
    let channel = try await SSHConnection.connect(ssh, deadline, on: loop)
    let opened = loop.makePromise(of: SSHHostKey?.self)
    let ended = loop.makePromise(of: CommandEnd.self)
    let pipe = LinkPipe(
      channel: channel, end: ended.futureResult, address: "\(ssh.host):\(ssh.port)",
      readsScript: true, unusableKeys: unusable)
    do {
      // Not before: a name with several addresses makes several channels, and one is kept.
      try await loop.submit {
        let handler = try SSHClientHandler(
          configuration, deadline: deadline, opened: opened, ended: ended
        ) { key in
          NIOThreadPool.singleton.runIfActive(eventLoop: loop) {
            try knownHosts.add(key, host: ssh.host, port: ssh.port, to: ssh.knownHostsFiles)
          }
        }
        try channel.pipeline.syncOperations.addHandlers(handler)
        try channel.pipeline.syncOperations.addHandler(greeting(), name: Self.greetingName)
      }.get()
      try await channel.setOption(.autoRead, value: true).get()
    } catch {
      // A channel that has closed at the deadline has said so.
      let cause = error as? SSHError ?? .disconnected(during: .greeting, detail: "\(error)")
      opened.fail(cause)
      ended.succeed(CommandEnd(outcome: .lost(cause), standardError: ""))
      channel.close(promise: nil)
      if case .lost(.timedOut) = await pipe.end.ending().outcome {
        throw await pipe.errorOfEnd(
          noise: "", timeout: .seconds(Int64(ssh.connectTimeoutSeconds)))
      }
      throw .ssh(cause, address: pipe.address, unusable: unusable)
    }
    return pipe
  }

  /// Sorts identity files into keys that can be tried and others, both in their order.
  private static func keys(
    in files: [String]
  ) -> (keys: [SSHPrivateKey], unusable: [SSHRefusal.Unusable]) {
    var keys: [SSHPrivateKey] = []
    var unusable: [SSHRefusal.Unusable] = []
    for file in files {
      do {
        let bytes = try PlainFile.read(file, sizeMax: SSHPrivateKey.sizeMax + 1)
        keys.append(try SSHPrivateKey(file: file, text: String(decoding: bytes, as: UTF8.self)))
      } catch let fault as SSHPrivateKey.Fault {
        unusable.append(.init(file: file, fault: fault))
      } catch {
        let reason = (error as? SystemFault)?.reason ?? "\(error)"
        unusable.append(.init(file: file, fault: .unreadable(reason)))
      }
    }
    return (keys, unusable)
  }

  /// Takes a child process over: when that cannot be done, it ends, and its pipes with it.
  static func process(
    _ child: PipedProcess, program: String, readsScript: Bool,
    _ greeting: @escaping @Sendable () -> AgentGreetingHandler, on loop: any EventLoop
  ) async throws(LinkError) -> LinkPipe {
    let tail = ErrorTailHandler.Tail()
    var errors: (any Channel)?
    do {
      let errorChannel = try await Self.channel(input: child.errors, output: nil, on: loop) {
        try $0.addHandler(ErrorTailHandler(tail))
      }
      errors = errorChannel
      let channel = try await Self.channel(input: child.output, output: child.input, on: loop) {
        try $0.addHandler(greeting(), name: Self.greetingName)
      }
      let end = Self.end(of: child, pipe: channel, errors: errorChannel, tail)
      return LinkPipe(channel: channel, end: end, address: program, readsScript: readsScript)
    } catch {
      if let errors {
        errors.close(promise: nil)
      } else {
        for descriptor in [child.output, child.input] { Glibc.close(descriptor) }
      }
      _ = try? await NIOThreadPool.singleton.runIfActive { child.wait(timeoutMilliseconds: 0) }
      throw .programNotStarted(program: program, detail: "\(error)")
    }
  }

  /// Of descriptors that a channel is made of.
  private final class Owner: Sendable {
    let isNIO = Atomic(false)
  }

  /// Makes a channel of descriptors, or closes them.
  private static func channel(
    input: CInt, output: CInt?, on loop: any EventLoop,
    _ addHandler: @escaping @Sendable (ChannelPipeline.SynchronousOperations) throws -> Void
  ) async throws -> any Channel {
    // Once it is as far as the initializer, NIO closes them itself when something fails.
    let owner = Owner()
    let bootstrap = NIOPipeBootstrap(group: loop).channelInitializer { channel in
      owner.isNIO.store(true, ordering: .relaxed)
      return channel.eventLoop.makeCompletedFuture {
        try addHandler(channel.pipeline.syncOperations)
      }
    }
    do {
      guard let output else {
        return try await bootstrap.takingOwnershipOfDescriptor(input: input).get()
      }
      return try await bootstrap.takingOwnershipOfDescriptors(input: input, output: output).get()
    } catch {
      if !owner.isNIO.load(ordering: .relaxed) {
        for descriptor in [input, output].compactMap(\.self) { Glibc.close(descriptor) }
      }
      throw error
    }
  }

  /// How long a child may live without its pipe, and its standard error without the child.
  private static let lingerMilliseconds: CInt = 5_000

  private static func end(
    of child: PipedProcess, pipe: any Channel, errors: any Channel, _ tail: ErrorTailHandler.Tail
  ) -> EventLoopFuture<CommandEnd> {
    let loop = pipe.eventLoop
    return pipe.closeFuture.flatMap {
      NIOThreadPool.singleton.runIfActive(eventLoop: loop) {
        child.wait(timeoutMilliseconds: Self.lingerMilliseconds)
      }
    }.flatMap { outcome in
      // Its last words may still be in the pipe; a grandchild may hold that open for ever.
      let read = loop.makePromise(of: Void.self)
      errors.closeFuture.cascade(to: read)
      let limit = loop.scheduleTask(in: .milliseconds(200)) { errors.close(promise: nil) }
      return read.futureResult.map {
        limit.cancel()
        return CommandEnd(outcome: outcome, standardError: tail.text)
      }
    }
  }

  // MARK: Using

  func send(_ text: String) {
    self.channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
  }

  func write(_ bytes: ByteBuffer) async throws {
    try await self.channel.writeAndFlush(bytes).get()
  }

  /// Hands the pipe to gRPC, once the agent has said that it is there.
  func wrapped() async throws(LinkError) -> Link {
    let channel = self.channel
    do {
      let transport = try await HTTP2ClientTransport.WrappedChannel.wrapping(
        config: Link.config, serviceConfig: Link.serviceConfig
      ) { configure in
        let configured = try await channel.eventLoop.flatSubmit { configure(channel) }.get()
        // What has come of HTTP/2 is handed on as this handler leaves.
        try await channel.pipeline.removeHandler(name: Self.greetingName).get()
        return configured
      }
      return Link(transport: transport, channel: channel, end: self.end)
    } catch {
      channel.close(promise: nil)
      throw await self.errorOfEnd(noise: "", timeout: .zero)
    }
  }

  /// Why the pipe has closed.
  ///
  /// - Parameter timeout: Of the opening, for the message.
  func errorOfEnd(noise: String, timeout: TimeAmount) async -> LinkError {
    let end = await self.end.ending()
    switch end.outcome {
    case .lost(.timedOut(let phase)):
      return .noAnswer(
        address: self.address, during: .ssh(phase),
        seconds: Int(timeout.nanoseconds / 1_000_000_000))
    case .lost(.hostKeyNotSaved(let file, let detail)):
      return .knownHosts(file: file, detail: detail)
    case .lost(let error):
      return .ssh(error, address: self.address, unusable: self.unusableKeys)
    case .exited, .signalled, .abandoned:
      return .endedEarly(end.outcome, standardError: end.standardError, noise: noise)
    }
  }

  /// Closes, and waits for it.
  func close() async {
    self.channel.close(promise: nil)
    _ = try? await self.channel.closeFuture.get()
  }
}

/// Keeps the end of a child's standard error.
private final class ErrorTailHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  final class Tail: Sendable {
    /// As much as SSH's side keeps.
    static let sizeMax = 16 << 10

    private let bytes = Mutex<[UInt8]>([])

    var text: String { self.bytes.withLock { String(decoding: $0, as: UTF8.self) } }

    func append(_ buffer: ByteBuffer) {
      self.bytes.withLock { $0 = ($0 + buffer.readableBytesView).suffix(Self.sizeMax) }
    }
  }

  private let tail: Tail

  init(_ tail: Tail) {
    self.tail = tail
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.tail.append(self.unwrapInboundIn(data))
  }
}

/// The TCP connection below SSH.
enum SSHConnection {
  /// Resolves the name and connects; reads nothing yet.
  static func connect(
    _ ssh: SSHSpecification, _ deadline: NIODeadline, on loop: any EventLoop
  ) async throws(LinkError) -> any Channel {
    let connected = loop.makePromise(of: (any Channel).self)
    ClientBootstrap(group: loop)
      .connectTimeout(max(deadline - loop.now, .nanoseconds(1)))
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.autoRead, value: false)
      .connect(host: ssh.host, port: ssh.port)
      .whenComplete { result in
        // A connection that comes after the cancellation is nobody's.
        connected.futureResult.whenFailure { _ in
          if case .success(let channel) = result { channel.close(promise: nil) }
        }
        connected.completeWith(result)
      }
    do {
      return try await withTaskCancellationHandler {
        try await connected.futureResult.get()
      } onCancel: {
        connected.fail(CancellationError())
      }
    } catch {
      throw Self.linkError(error, ssh)
    }
  }

  private static func linkError(_ error: any Error, _ ssh: SSHSpecification) -> LinkError {
    let address = "\(ssh.host):\(ssh.port)"
    switch error {
    case is CancellationError: return .cancelled
    case ChannelError.connectTimeout:
      return .noAnswer(address: address, during: .connection, seconds: ssh.connectTimeoutSeconds)
    case let error as NIOConnectionError where !error.connectionErrors.isEmpty:
      // Of several addresses: one that refuses says more than one without a route.
      let causes = error.connectionErrors.map(\.error)
      let codes = causes.compactMap { ($0 as? IOError)?.errnoCode }
      if codes.contains(ECONNREFUSED) { return .connectionRefused(address: address) }
      let isTimeout = causes.contains {
        if case ChannelError.connectTimeout = $0 { true } else { false }
      }
      if isTimeout || codes.contains(ETIMEDOUT) {
        return .noAnswer(address: address, during: .connection, seconds: ssh.connectTimeoutSeconds)
      }
      return .unreachable(address: address, detail: causes.first.map { "\($0)" } ?? "")
    case let error as NIOConnectionError:
      let cause = error.dnsAError ?? error.dnsAAAAError
      return .nameNotResolved(host: ssh.host, detail: cause.map { "\($0)" } ?? "no address")
    default:
      return .unreachable(address: address, detail: "\(error)")
    }
  }
}
