import Fleet
import Glibc
import Launch

/// The errors that NVIDIA's driver has written to the kernel's log since the machine started.
enum KernelLog {
  private static let mark = "NVRM: Xid ("
  private static let textSizeMax = 300
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

  /// Lines as `NVRM: Xid (PCI:0000:3b:00): 79, pid=1234, …`; one entry for each code and device, in
  /// the order in which they came first. Source: NVIDIA's XID catalogue.
  static func xids(in log: String) -> [PreflightFacts.XID] {
    var found: [PreflightFacts.XID] = []
    for line in log.split(whereSeparator: \.isNewline) {
      guard let place = line.firstRange(of: Self.mark),
        let close = line[place.upperBound...].firstIndex(of: ")")
      else { continue }
      let rest = line[close...].drop { !$0.isNumber }
      guard let code = Int(rest.prefix { $0.isASCII && $0.isNumber }) else { continue }
      let name = line[place.upperBound..<close]
      let device = name.hasPrefix("PCI:") ? String(name.dropFirst(4)) : String(name)
      let text = String(line[place.lowerBound...]).cut(toBytes: Self.textSizeMax)
      if let index = found.firstIndex(where: { $0.code == code && $0.device == device }) {
        found[index].count += 1
        found[index].text = text
      } else {
        found.append(PreflightFacts.XID(code: code, device: device, text: text))
      }
    }
    return found
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
