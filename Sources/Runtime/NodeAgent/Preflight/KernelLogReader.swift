import Launch

/// Reads what drivers of GPUs say in the kernel's log, line by line.
///
/// Source: NVIDIA's XID catalogue, its open kernel modules (`nv.c`, `osinit.c`, `osapi.c`), its Fabric
/// Manager's guide, "GPU/NVSwitch errors"; the kernel's `amdgpu_device.c`.
struct KernelLogReader {
  private static let textSizeMax = 300
  /// From here on XIDs are those of NVLink 5 and later, whose lines say themselves how bad it is.
  private static let selfRatedFrom = 144
  private static let recoveryActionXID = 154
  private static let fallenOffXID = 79
  /// Lines of one message.
  private static let messageLineCount = 3

  /// In the order in which they came first.
  private var found: [PreflightFacts.XID] = []
  /// The beginning of a message of several lines, and how many of them may follow.
  private var opening = (text: Substring(), lineCount: 0)

  /// A GPU that is gone is told once, with its XID where it has one.
  var xids: [PreflightFacts.XID] {
    func isOne(_ one: String, _ other: String) -> Bool {
      !one.isEmpty && !other.isEmpty && (one.hasPrefix(other) || other.hasPrefix(one))
    }
    return self.found.filter { xid in
      guard xid.kind == .lost || xid.kind == .notStarted else { return true }
      return !self.found.contains { other in
        isOne(other.device, xid.device)
          && (other.code == Self.fallenOffXID && other.kind == .xid
            || other.kind == .lost && xid.kind == .notStarted)
      }
    }
  }

  mutating func read(_ line: Substring) {
    // Bytes: nearly every line is of something else.
    if line.utf8.contains("NVRM".utf8) {
      self.readDriver(line)
    } else if line.utf8.contains("SXid (".utf8) {
      self.readSwitch(line)
    } else if line.utf8.contains("amdgpu".utf8),
      line.contains("GPU reset") || line.contains("GPU Recovery")
    {
      self.readReset(line)
    }
  }

  private mutating func add(_ xid: PreflightFacts.XID, text: Substring) {
    let text = String(text.prefix(Self.textSizeMax))
    let index = self.found.firstIndex {
      $0.kind == xid.kind && $0.code == xid.code && $0.device == xid.device
        && $0.isFatal == xid.isFatal
    }
    if let index {
      self.found[index].count += 1
      self.found[index].text = text
    } else {
      var xid = xid
      xid.text = text
      self.found.append(xid)
    }
  }

  // MARK: NVIDIA

  private mutating func readDriver(_ line: Substring) {
    let opening = self.opening
    self.opening = ("", opening.lineCount - 1)
    if let start = line.firstRange(of: "NVRM: Xid (")?.lowerBound {
      guard let (device, code, words) = Self.numbered(line[start...]) else { return }
      self.add(xid: code, of: device, words, text: line[start...])
    } else if line.contains("fallen off the bus") || line.contains("GPU is lost") {
      let text = opening.lineCount > 0 ? opening.text + " " + Self.trimmed(line) : line
      let start = text.firstRange(of: "NVRM")?.lowerBound ?? text.startIndex
      self.add(.init(.lost, device: Self.address(in: text)), text: text[start...])
    } else if line.contains("RmInitAdapter failed") {
      let start = line.firstRange(of: "NVRM")?.lowerBound ?? line.startIndex
      self.add(.init(.notStarted, device: Self.address(in: line)), text: line[start...])
    } else if line.contains("NVRM: The NVIDIA GPU ") {
      self.opening = (line, Self.messageLineCount - 1)
    } else if opening.lineCount > 0 {
      self.opening.text = opening.text + " " + Self.trimmed(line)
    }
  }

  private mutating func add(
    xid code: Int, of device: String, _ words: Substring, text: Substring
  ) {
    var isFatal = code >= Self.selfRatedFrom ? Self.severity(in: words) : nil
    if code == Self.recoveryActionXID, let change = words.firstRange(of: " to ") {
      // What the GPU needs now; that it needs nothing holds for all that was before.
      let isNone = words[change.upperBound...].contains("None")
      isFatal = !isNone
      if isNone {
        for index in self.found.indices
        where self.found[index].kind == .xid && self.found[index].device == device {
          self.found[index].isFatal = false
        }
      }
    }
    self.add(.init(code: code, device: device, isFatal: isFatal), text: text)
  }

  /// `nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 12028, Non-fatal, Link 32 egress …`; lines of the same
  /// number with its data follow.
  private mutating func readSwitch(_ line: Substring) {
    guard let start = line.firstRange(of: "SXid (")?.lowerBound,
      let (device, code, words) = Self.numbered(line[start...])
    else { return }
    let isFatal = Self.severity(in: words)
    let isData = { (other: PreflightFacts.XID) in
      isFatal == nil && other.kind == .sxid && other.code == code && other.device == device
    }
    guard !self.found.contains(where: isData) else { return }
    let name = line.firstRange(of: "nvidia-nvswitch")?.lowerBound ?? start
    self.add(.init(.sxid, code: code, device: device, isFatal: isFatal), text: line[name...])
  }

  /// The parts of `Xid (PCI:0000:3b:00): 79, pid=1234, …`; older drivers have no `PCI:`.
  private static func numbered(_ text: Substring) -> (device: String, code: Int, words: Substring)?
  {
    guard let open = text.firstIndex(of: "("), let close = text[open...].firstRange(of: "): ")
    else {
      return nil
    }
    let rest = text[close.upperBound...].drop { $0 == " " }
    let digits = rest.prefix { $0.isASCII && $0.isNumber }
    guard let code = Int(digits) else { return nil }
    let name = text[text.index(after: open)..<close.lowerBound]
    let device = name.hasPrefix("PCI:") ? name.dropFirst(4) : name
    return (String(device), code, rest[digits.endIndex...])
  }

  /// What the line itself says of how bad it is; `nil`: nothing.
  private static func severity(in words: Substring) -> Bool? {
    for word in words.split(whereSeparator: { $0 == " " || $0 == "," }) {
      if word == "Fatal" { return true }
      if word == "Nonfatal" || word == "Non-fatal" { return false }
    }
    return nil
  }

  // MARK: AMD

  /// `amdgpu 0000:43:00.0: amdgpu: GPU reset begin!`, and what becomes of it.
  private mutating func readReset(_ line: Substring) {
    let hasFailed =
      line.contains("GPU Recovery Failed") || line.contains("GPU reset end with ret = -")
    guard hasFailed || line.contains("GPU reset begin") else { return }
    let start = line.firstRange(of: "amdgpu")?.lowerBound ?? line.startIndex
    self.add(
      .init(.reset, device: Self.address(in: line), isFatal: hasFailed ? true : nil),
      text: line[start...])
  }

  // MARK: Words

  /// The first `0000:3b:00.0`; empty without one.
  private static func address(in text: Substring) -> String {
    let pattern = /[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.[0-7])?/
    return text.firstMatch(of: pattern).map { String($0.output) } ?? ""
  }

  private static func trimmed(_ line: Substring) -> Substring {
    line.drop { $0 == " " || $0 == "\t" }
  }
}
