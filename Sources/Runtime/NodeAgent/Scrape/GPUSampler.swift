import Fleet
import FoundationEssentials
import Glibc
import NIOCore
import NIOPosix
import NodeAPI
import OperatingSystem
import SwiftProtobuf
import Synchronization
import Telemetry

/// Reads the GPUs of this node from `nvidia-smi`, which is started once and prints again and again:
/// each start of it takes half a second and more of a core on a machine with eight GPUs.
struct GPUSampler<SamplerClock: Clock & Sendable>: Sendable
where SamplerClock.Duration == Duration {
  /// Without a line for so long, and three intervals, it hangs: a driver in trouble does that.
  private static var silenceMax: Duration { .seconds(10) }
  /// Until one that hung or ended is started again.
  private static var retryInterval: Duration { .seconds(30) }

  /// Of the daemon: where `nvidia-smi` is looked for.
  let environment: [String: String]
  let group: any EventLoopGroup
  let blocking: BlockingCalls
  let clock: SamplerClock
  let wallClockMilliseconds: @Sendable () -> Int64

  /// Samples until the task is cancelled; a node without `nvidia-smi` is told once.
  func sample(
    every interval: Duration, receive: @escaping @Sendable (Muster_V1_GPUSamples) -> Void
  ) async throws {
    let seconds = max(1, Int(interval / .seconds(1)))
    while true {
      let fault = try await self.round(
        ["-l", "\(seconds)"], silenceMax: max(Self.silenceMax, interval * 3), receive: receive)
      receive(self.message([], fault: fault ?? ""))
      guard fault != nil else { return }
      try await self.clock.sleep(for: Self.retryInterval)
    }
  }

  /// Samples once.
  func sampleOnce() async throws -> Muster_V1_GPUSamples {
    let last = Mutex<Muster_V1_GPUSamples?>(nil)
    let fault = try await self.round([], silenceMax: Self.silenceMax) { samples in
      last.withLock { $0 = samples }
    }
    return last.withLock { $0 } ?? self.message([], fault: fault ?? "")
  }

  /// One life of `nvidia-smi`.
  ///
  /// - Returns: Why it ended, in words; `nil` where there is none on this node.
  private func round(
    _ options: [String], silenceMax: Duration,
    receive: @escaping @Sendable (Muster_V1_GPUSamples) -> Void
  ) async throws -> String? {
    let (input, output) = try SystemFault.checkedPipe()
    let environment = self.environment
    let started = try? await self.blocking.run {
      let program = try ProgramSearch.path(of: "nvidia-smi", searching: environment["PATH"] ?? "")
      var child = ChildProcess(
        program: program, argv: ["nvidia-smi"] + GPUSample.queryArguments + options,
        environment: environment)
      child.output = output
      return Result { () throws(SystemFault) in try child.spawn() }
    }
    close(output)
    switch started {
    case .success(let process)?:
      // One that is stuck in the kernel is left.
      defer { ChildProcess.kill(process) }
      return try await self.read(input, silenceMax: silenceMax, receive: receive)
    case .failure(let fault)?:
      close(input)
      return "\(fault)"
    case nil:
      close(input)
      return nil
    }
  }

  /// Reads lines until the end of the pipe, or too long a silence.
  private func read(
    _ input: CInt, silenceMax: Duration,
    receive: @escaping @Sendable (Muster_V1_GPUSamples) -> Void
  ) async throws -> String {
    let channel = try await NIOPipeBootstrap(group: self.group)
      .takingOwnershipOfDescriptor(input: input) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, Never>(wrappingChannelSynchronously: channel)
        }
      }
    let heard = LastHeard(self.clock.now)
    return try await channel.executeThenClose { inbound in
      try await withThrowingTaskGroup(of: String.self) { tasks in
        tasks.addTask {
          var lines = GPULines()
          for try await piece in inbound {
            heard.instant.withLock { $0 = self.clock.now }
            guard lines.add(piece.readableBytesView) else { continue }
            receive(self.message(lines.gpus, fault: lines.warning))
          }
          return lines.message.isEmpty
            ? "nvidia-smi ended" : "nvidia-smi ended: \(lines.message)"
        }
        tasks.addTask {
          while true {
            let last = heard.instant.withLock { $0 }
            let rest = self.clock.now.duration(to: last.advanced(by: silenceMax))
            if rest <= .zero {
              return "nvidia-smi has said nothing for \(silenceMax.components.seconds) s"
            }
            try await self.clock.sleep(for: rest)
          }
        }
        let result = try await tasks.next() ?? ""
        tasks.cancelAll()
        return result
      }
    }
  }

  private func message(_ gpus: [GPUSample], fault: String) -> Muster_V1_GPUSamples {
    .with {
      $0.milliseconds = self.wallClockMilliseconds()
      // Its numbers are finite: nothing in it cannot be written.
      $0.gpus = Data((try? CanonicalJSON.bytes(of: gpus)) ?? [])
      $0.fault = fault
    }
  }

  private final class LastHeard: Sendable {
    let instant: Mutex<SamplerClock.Instant>

    init(_ instant: SamplerClock.Instant) { self.instant = Mutex(instant) }
  }
}

/// Puts pieces of output together: each line is a GPU.
private struct GPULines {
  private static let sizeMax = 64 << 10
  private static let countMax = 256
  /// What is not said again in so many rounds is gone.
  private static let roundCount = 2

  private var rest: [UInt8] = []
  private var samples: [Int: (sample: GPUSample, line: Int)] = [:]
  /// Lines of GPUs so far.
  private var lineCount = 0
  /// What it says that is no sample, the first of it, and after how many lines it said so last.
  private(set) var message = ""
  private var messageLine = 0

  /// All GPUs, as they were said last.
  var gpus: [GPUSample] {
    self.samples.values.map(\.sample).sorted { $0.index < $1.index }
  }

  /// What is wrong beside them; empty: nothing.
  var warning: String { self.message.isEmpty ? "" : "nvidia-smi: \(self.message)" }

  /// - Returns: Whether there is anything new of any GPU: what is wrong with one may be said behind the
  ///   others.
  mutating func add(_ piece: some Collection<UInt8>) -> Bool {
    self.rest += piece
    let before = (lineCount: self.lineCount, message: self.message)
    let lines = self.rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for line in lines.dropLast() { self.add(line: String(decoding: line, as: UTF8.self)) }
    self.rest = Array(lines.last ?? [])
    if self.rest.count > Self.sizeMax { self.rest = [] }
    let oldest = self.lineCount - Self.roundCount * self.samples.count
    self.samples = self.samples.filter { $0.value.line > oldest }
    if self.messageLine < oldest { self.message = "" }
    return self.lineCount > before.lineCount
      || self.message != before.message && !self.samples.isEmpty
  }

  private mutating func add(line: String) {
    if let sample = GPUSample(line: line) {
      self.lineCount += 1
      guard self.samples.count < Self.countMax || self.samples[sample.index] != nil else { return }
      self.samples[sample.index] = (sample, self.lineCount)
    } else if line.contains(where: { !$0.isWhitespace }) {
      let text = line.cut(toBytes: 200)
      if self.message.isEmpty { self.message = text }
      if self.message == text { self.messageLine = self.lineCount }
    }
  }
}
