import Fleet
import GRPCNIOTransportHTTP2TransportServices
package import NIOCore
package import Plan
import SSH

/// Opens links: connects, logs in, pushes the agent where it is not, and starts it.
package struct LinkOpener: Sendable {
  /// For the image to arrive and prove itself: 9 MB at 100 KB/s, and a slow disk.
  static let pushTimeout = TimeAmount.seconds(120)
  /// For a local agent or a command template, which have no limit of their own in the manifest.
  static let pipeTimeout = TimeAmount.seconds(60)
  /// Bytes of the image in one write.
  private static let pieceSize = 256 << 10

  private let group: any EventLoopGroup
  private let agent: AgentImage
  private let knownHosts: KnownHostsFiles
  private let admission: LinkAdmission

  /// - Parameters:
  ///   - group: Carries the bytes of all links; its clock is the deadlines'.
  ///   - agent: What is pushed to nodes that lack it.
  package init(
    group: any EventLoopGroup, agent: AgentImage, admission: LinkAdmission,
    knownHosts: KnownHostsFiles = KnownHostsFiles()
  ) {
    self.group = group
    self.agent = agent
    self.admission = admission
    self.knownHosts = knownHosts
  }

  /// Opens one link; call it for all nodes at once: the admission holds them apart.
  ///
  /// - Parameter node: Its name, and that of a run, are 1 to 64 of `A-Za-z0-9._-`.
  /// - Throws: `LinkError`, within the node's connect timeout once it is admitted; where the agent
  ///   has to be pushed, that may take two minutes more.
  package func open(
    _ node: Plan.Node, for purpose: LinkPurpose
  ) async throws(LinkError) -> Link {
    for name in [purpose.name, node.name] where !FolderName.isFolderName(name) { throw .name(name) }
    return try await self.admission.admitted(orThrow: LinkError.cancelled) { () throws(LinkError) in
      try await self.openAdmitted(node, for: purpose)
    }
  }

  private func openAdmitted(
    _ node: Plan.Node, for purpose: LinkPurpose
  ) async throws(LinkError) -> Link {
    let loop = self.group.next()
    var deadline = loop.now + node.link.timeout
    // Of all attempts together, whatever the node says.
    let last = deadline + Self.pushTimeout
    var script = AgentScript(
      sha256: self.agent.sha256, node: node.name, purpose: purpose)
    var attempt = 0
    var heard = Heard()
    while true {
      do throws(LinkError) {
        return try await self.attempt(
          node, script, deadline: deadline, last: last, &heard, on: loop)
      } catch {
        switch error {
        case .ssh(.disconnected(during: .greeting, _), _, _):
          // sshd has too many logins at once, or is just starting.
          let next = loop.now + self.admission.pause(attempt: attempt)
          guard next < deadline else { throw error }
          try await Self.wait(until: next, on: loop)
          attempt += 1
        case .noPlaceForAgent
        where (heard.faults.last?.index ?? .max) + 1 < AgentScript.places.count && loop.now < last:
          // The place looked fit, and did not hold the image: the next one may.
          script.skippedPlaceCount = (heard.faults.last?.index ?? 0) + 1
          deadline = min(loop.now + node.link.timeout, last)
        case .endedEarly where heard.hasFoundAgent && !script.checksAgent && loop.now < last,
          .otherProtocol where heard.hasFoundAgent && !script.checksAgent && loop.now < last:
          // The program has the right name; its bytes may have been damaged since.
          script.checksAgent = true
          deadline = min(loop.now + node.link.timeout, last)
        default: throw error
        }
      }
    }
  }

  /// What the node has said, in all attempts.
  private struct Heard {
    var faults: [AgentPlaceFault] = []
    /// There was a program in the agent's place.
    var hasFoundAgent = false
  }

  private func attempt(
    _ node: Plan.Node, _ script: AgentScript, deadline: NIODeadline, last: NIODeadline,
    _ heard: inout Heard, on loop: any EventLoop
  ) async throws(LinkError) -> Link {
    let (events, continuation) = AsyncStream.makeStream(of: AgentGreeting.Event.self)
    let pipe = try await self.openPipe(node, script.purpose, deadline, on: loop) {
      AgentGreetingHandler(deadline: deadline, pushDeadline: last, events: continuation)
    }
    do throws(LinkError) {
      if pipe.readsScript { pipe.send(script.text) }
      try await self.awaitAgent(events, on: pipe, node, &heard)
      return try await pipe.wrapped()
    } catch {
      await pipe.close()
      throw Task.isCancelled ? .cancelled : error
    }
  }

  private func openPipe(
    _ node: Plan.Node, _ purpose: LinkPurpose, _ deadline: NIODeadline, on loop: any EventLoop,
    greeting: @escaping @Sendable () -> AgentGreetingHandler
  ) async throws(LinkError) -> LinkPipe {
    switch node.link {
    case .local:
      let argv = [self.agent.path] + purpose.arguments(node: node.name)
      return try await LinkPipe.process(
        PipedProcess.spawn(argv), program: argv[0], readsScript: false, greeting, on: loop)
    case .command(let argv):
      // The script comes on standard input, and so survives any number of shells in between.
      let argv = argv + ["sh"]
      return try await LinkPipe.process(
        PipedProcess.spawn(argv), program: argv[0], readsScript: true, greeting, on: loop)
    case .ssh(let ssh):
      return try await LinkPipe.ssh(ssh, self.knownHosts, deadline, greeting, on: loop)
    }
  }

  /// Follows what the node says until the agent is there.
  private func awaitAgent(
    _ events: AsyncStream<AgentGreeting.Event>, on pipe: LinkPipe, _ node: Plan.Node,
    _ heard: inout Heard
  ) async throws(LinkError) {
    var isUploading = false
    for await event in events {
      switch event {
      case .ready:
        return
      case .agentFound:
        heard.hasFoundAgent = true
      case .imageWanted(let system, let architecture, let isGzipped):
        guard system == "Linux", architecture == self.agent.architecture else {
          throw .otherArchitecture(
            system: system, architecture: architecture, image: self.agent.architecture)
        }
        isUploading = true
        let fault = await withTaskCancellationHandler {
          await self.upload(isGzipped: isGzipped, to: pipe)
        } onCancel: {
          pipe.channel.close(promise: nil)
        }
        if let fault { throw fault }
      case .placeUnfit(let fault):
        heard.faults.append(fault)
        if isUploading { throw .noPlaceForAgent(heard.faults) }
      case .noDaemon:
        throw .noDaemon
      case .noPlace:
        throw .noPlaceForAgent(heard.faults)
      case .failed(let error):
        throw error
      case .timedOut:
        let timeout = isUploading ? Self.pushTimeout : node.link.timeout
        throw .noAnswer(
          address: pipe.address, during: isUploading ? .upload : .agent,
          seconds: Int(timeout.nanoseconds / 1_000_000_000))
      case .closed(let noise):
        throw await pipe.errorOfEnd(noise: noise, timeout: node.link.timeout)
      }
    }
    throw .cancelled
  }

  /// Sends the image; what goes wrong there shows in what the node says, or in the end of the pipe.
  ///
  /// - Returns: What went wrong here.
  private func upload(isGzipped: Bool, to pipe: LinkPipe) async -> LinkError? {
    do {
      var image: ByteBuffer
      if isGzipped, let gzipped = try await self.agent.gzipped(on: pipe.loop) {
        image = gzipped
        try await pipe.write(ByteBuffer(string: "\(image.readableBytes) gzip\n"))
      } else {
        image = try await self.agent.plain(on: pipe.loop)
        try await pipe.write(ByteBuffer(string: "\(image.readableBytes) plain\n"))
      }
      while let piece = image.readSlice(length: min(image.readableBytes, Self.pieceSize)),
        piece.readableBytes > 0
      {
        try await pipe.write(piece)
      }
      return nil
    } catch {
      // Otherwise the place was full, or the connection is gone: the next event says which.
      return error as? LinkError
    }
  }

  private static func wait(
    until deadline: NIODeadline, on loop: any EventLoop
  ) async throws(LinkError) {
    let pause = loop.scheduleTask(deadline: deadline) {}
    do {
      try await withTaskCancellationHandler {
        try await pause.futureResult.get()
      } onCancel: {
        pause.cancel()
      }
    } catch {
      throw .cancelled
    }
  }
}

extension LinkSpecification {
  /// From the admission to the agent's first line.
  fileprivate var timeout: TimeAmount {
    switch self {
    case .local, .command: LinkOpener.pipeTimeout
    case .ssh(let ssh): .seconds(Int64(min(max(ssh.connectTimeoutSeconds, 1), 600)))
    }
  }
}
