import Glibc
import Launch

/// The errors that drivers of GPUs have written to the kernel's log since the machine started.
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
