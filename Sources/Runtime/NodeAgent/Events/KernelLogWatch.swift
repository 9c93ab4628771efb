import Glibc
import Launch
import OperatingSystem

/// Follows the kernel's log for what NVIDIA's drivers write to it of GPUs and of switches between them,
/// from its present end on.
///
/// What a daemon missed before it started, or between two of them, preflight sees (``KernelLog``).
struct KernelLogWatch<WatchClock: Clock & Sendable>: Sendable
where WatchClock.Duration == Duration {
  /// From one look to the next.
  private static var interval: Duration { .seconds(1) }
  /// Looks in a minute, the window in which few of many lines are told.
  private static var windowLookCount: Int { 60 }
  /// What a line has of which an event is made.
  private static var marks: [String] {
    ["NVRM: Xid (", "SXid (", "fallen off the bus"]
  }

  /// `/dev/kmsg`, or what a test has for it.
  let path: String
  let events: EventLog
  let blocking: BlockingCalls
  let clock: WatchClock
  /// Gets a line for the daemon's log.
  let note: @Sendable (String) -> Void

  /// Returns when the task is cancelled, and at once where the log cannot be read: in a container, or
  /// where `kernel.dmesg_restrict` keeps it from users.
  func run() async {
    let file = open(self.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
    guard file >= 0 else {
      let reason = SystemFault("open", code: errno).reason
      return self.note("no XIDs but those of replicas' logs: \(self.path): \(reason)")
    }
    defer { close(file) }
    lseek(file, 0, SEEK_END)
    var tail = KernelLogTail(file: file)
    var filter = LogEventFilter(windowLookCount: Self.windowLookCount)
    while !Task.isCancelled {
      guard let lines = try? await self.blocking.change(&tail, { $0.newLines() }) else { return }
      // Whoever may write to the kernel's log may write there what is in a replica's, too.
      let marked = lines.filter { line in Self.marks.contains { line.contains($0) } }
      for event in filter.events(in: marked) { self.events.record(event) }
      do { try await self.clock.sleep(for: Self.interval) } catch { return }
    }
  }
}

/// What is new in the kernel's log.
///
/// Source: the kernel's Documentation/ABI/testing/dev-kmsg: one record a read, as
/// `6,339,5140900,-;text`, with lines of its own behind it that begin with a blank.
struct KernelLogTail: Sendable {
  /// Read in one look; the kernel keeps some ten thousand.
  private static let readCountMax = 4096
  private static let recordSizeMax = 8192

  let file: CInt
  private var partial: [UInt8] = []

  init(file: CInt) {
    self.file = file
  }

  /// The texts of the records since the last call.
  mutating func newLines() -> [String] {
    var record = [UInt8](repeating: 0, count: Self.recordSizeMax)
    for _ in 0..<Self.readCountMax {
      let count = read(self.file, &record, record.count)
      // EPIPE: records were overwritten before they were read; the next read goes on after them.
      if count < 0, errno == EPIPE || errno == EINTR { continue }
      guard count > 0 else { break }
      self.partial += record[..<count]
    }
    let pieces = self.partial.split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    self.partial = Array((pieces.last ?? []).suffix(Self.recordSizeMax))
    return pieces.dropLast().map { line in
      let text = line.firstIndex(of: UInt8(ascii: ";")).map { line[($0 + 1)...] } ?? line
      return String(decoding: text, as: UTF8.self)
    }
  }
}

/// The errors that NVIDIA's driver has written to the kernel's log since the machine started.
enum KernelLog {
  /// More than a kernel keeps.
  private static let lineCountMax = 1 << 17

  /// By `dmesg`, which many may use who may not open the log, or else from the log itself.
  ///
  /// - Returns: `nil` where the log cannot be read.
  static func text(
    environment: [String: String], clock: some Clock<Duration>
  ) async -> String? {
    let dmesg = ToolRun(argv: ["dmesg"], environment: environment)
    if case .ended(0, let output) = await dmesg.outcome(clock: clock) { return output }
    return await BoundedCall.run(within: .seconds(5), clock: clock) { Self.records() } ?? nil
  }

  /// One entry for each number, device and word of severity, in the order in which they came first.
  static func xids(in log: String) -> [PreflightFacts.XID] {
    var reader = KernelLogReader()
    for line in log.split(whereSeparator: \.isNewline) { reader.read(line) }
    return reader.xids
  }

  private static func records() -> String? {
    let file = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var tail = KernelLogTail(file: file)
    var lines: [String] = []
    while lines.count < Self.lineCountMax, case let more = tail.newLines(), !more.isEmpty {
      lines += more
    }
    return lines.joined(separator: "\n")
  }
}
