import Fleet
import NIOCore
import NIOEmbedded
import Testing

@testable import Links

struct AgentGreetingTests {
  private static func actions(_ pieces: [[UInt8]]) -> ([AgentGreeting.Event], rest: [UInt8]) {
    var greeting = AgentGreeting()
    var actions: [AgentGreeting.Event] = []
    var rest: [UInt8] = []
    for piece in pieces {
      var input = (rest + piece)[...]
      while actions.last != .ready, let action = greeting.received(&input) {
        actions.append(action)
      }
      rest = Array(input)
    }
    return (actions, rest)
  }

  @Test func `every split of the bytes gives the same actions`() {
    let text =
      "Welcome\r\nmuster-ish\n\nmuster-unfit 1 mkdir: Read-only file system\n"
      + "muster-absent Linux x86_64 gzip\nmuster-found\n" + AgentPreface.line + "PRI * HTTP/2.0\r\n"
    let bytes = Array(text.utf8)
    let expected: [AgentGreeting.Event] = [
      .placeUnfit(AgentPlaceFault(index: 0, detail: "mkdir: Read-only file system")),
      .imageWanted(system: "Linux", architecture: "x86_64", isGzipped: true), .agentFound, .ready,
    ]
    for cut in 0...bytes.count {
      let (actions, rest) = Self.actions([Array(bytes[..<cut]), Array(bytes[cut...])])
      #expect(actions == expected)
      #expect(String(decoding: rest, as: UTF8.self) == "PRI * HTTP/2.0\r\n")
    }
    #expect(Self.actions(bytes.map { [$0] }).0 == expected)
  }

  @Test func `noise is read past up to its limit and no further`() {
    let size = AgentGreeting.noiseSizeMax
    for line in [1, 100, 10_000] {
      var noise: [UInt8] = []
      while noise.count + line + 1 <= size {
        noise += [UInt8](repeating: 0x78, count: line) + [0x0a]
      }
      #expect(Self.actions([noise, Array(AgentPreface.line.utf8)]).0 == [.ready])
    }
    let noise = String(repeating: "\0", count: AgentGreeting.noiseKeptSizeMax)
    #expect(
      Self.actions([[UInt8](repeating: 0, count: size + 1)]).0.first == .failed(.noise(noise)))
  }

  @Test func `that no daemon is there is told`() {
    #expect(Self.actions([Array(AgentPreface.restingLine.utf8)]).0 == [.noDaemon])
    #expect(LinkError.noDaemon.mayPass)
  }

  @Test(arguments: ["muster-found", "muster-absent Linux x86_64 gzip", "muster-unfit 1 x"])
  func `a node that repeats a line is noisy, and gains no time`(line: String) throws {
    let bytes = Array("\(line)\n".utf8)
    let count = AgentGreeting.noiseSizeMax / bytes.count
    let actions = Self.actions(Array(repeating: bytes, count: count + 1)).0
    #expect(actions.count == count + 1)
    guard case .failed(.noise)? = actions.last else {
      Issue.record("\(String(describing: actions.last))")
      return
    }
    let (events, continuation) = AsyncStream.makeStream(of: AgentGreeting.Event.self)
    _ = events
    let channel = EmbeddedChannel()
    let handler = AgentGreetingHandler(
      deadline: .uptimeNanoseconds(10_000_000_000),
      pushDeadline: .uptimeNanoseconds(30_000_000_000), events: continuation)
    try channel.pipeline.syncOperations.addHandler(handler, name: "greeting")
    let loop = channel.embeddedEventLoop
    for second in 0..<40 {
      try channel.writeInbound(ByteBuffer(bytes: bytes))
      loop.advanceTime(by: .seconds(1))
      let last = line.hasPrefix("muster-absent") ? 30 : 10
      #expect(!handler.isOver == (second + 1 < last), "after \(second + 1) s")
      if handler.isOver { break }
    }
    _ = try? channel.finish()
  }

  @Test(arguments: [
    "muster-node", "muster-node x", "muster-absent", "muster-absent Linux", "muster-unfit 9 x",
    "muster-unfit 0 x", "muster-absent Linux x86_64 zstd", "muster-failed now", " muster-node 1",
    "muster-found it",
  ])
  func `lines that only look like ours are noise`(line: String) {
    #expect(Self.actions([Array("\(line)\n".utf8)]).0.isEmpty)
  }

  @Test func `the handler holds what follows the preface until it leaves`() throws {
    let (events, continuation) = AsyncStream.makeStream(of: AgentGreeting.Event.self)
    _ = events
    let channel = EmbeddedChannel()
    let handler = AgentGreetingHandler(
      deadline: .distantFuture, pushDeadline: .distantFuture, events: continuation)
    try channel.pipeline.syncOperations.addHandler(handler, name: "greeting")
    for byte in Array((AgentPreface.line + "abc").utf8) {
      try channel.writeInbound(ByteBuffer(bytes: [byte]))
    }
    #expect(try channel.readInbound(as: ByteBuffer.self) == nil)
    channel.pipeline.removeHandler(name: "greeting", promise: nil)
    channel.embeddedEventLoop.run()
    #expect(try channel.readInbound(as: ByteBuffer.self) == ByteBuffer(string: "abc"))
    _ = try channel.finish()
  }
}

struct LinkAdmissionTests {
  @Test func `no more are admitted than there is room for`() async throws {
    let admission = LinkAdmission(seed: 1, countMax: 3)
    let gauge = Gauge()
    try await withThrowingTaskGroup { group in
      for _ in 0..<40 {
        group.addTask {
          try await admission.admitted(orThrow: LinkError.cancelled) { () async throws(LinkError) in
            await gauge.enter()
            await Task.yield()
            await gauge.leave()
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(await gauge.countMax == 3)
    #expect(await gauge.total == 40)
  }

  @Test func `one that is cancelled while it waits leaves its place`() async throws {
    let admission = LinkAdmission(seed: 1, countMax: 1)
    let (hold, release) = AsyncStream.makeStream(of: Void.self)
    let (held, isHeld) = AsyncStream.makeStream(of: Void.self)
    try await withThrowingTaskGroup { group in
      group.addTask {
        try await admission.admitted(orThrow: LinkError.cancelled) { () async throws(LinkError) in
          isHeld.finish()
          for await _ in hold {}
        }
      }
      for await _ in held {}
      await withTaskGroup { waiting in
        waiting.addTask {
          await #expect(throws: LinkError.cancelled) {
            try await admission.admitted(orThrow: LinkError.cancelled) {
              () async throws(LinkError) in
            }
          }
        }
        waiting.cancelAll()
      }
      release.finish()
      try await group.waitForAll()
    }
    try await admission.admitted(orThrow: LinkError.cancelled) { () async throws(LinkError) in }
  }

  @Test func `pauses double up to their limit, and each is drawn`() {
    let admission = LinkAdmission(seed: 7)
    for attempt in 0..<20 {
      let whole = min(Int64(50) << Int64(attempt), 2_000) * 1_000_000
      let pause = admission.pause(attempt: attempt).nanoseconds
      #expect(pause >= whole / 2 && pause <= whole)
    }
  }

  private actor Gauge {
    private var count = 0
    private(set) var countMax = 0
    private(set) var total = 0

    func enter() {
      self.count += 1
      self.total += 1
      self.countMax = max(self.countMax, self.count)
    }

    func leave() { self.count -= 1 }
  }
}
