import Fleet

/// Reads what comes from a node before HTTP/2: a login shell's noise, the lines of ``AgentScript``,
/// and the agent's preface.
struct AgentGreeting {
  enum Event: Equatable, Sendable {
    /// The node has an agent, and starts it.
    case agentFound
    /// The node has no agent, and waits for the image.
    case imageWanted(system: String, architecture: String, isGzipped: Bool)
    /// A place on the node cannot hold the agent.
    case placeUnfit(AgentPlaceFault)
    /// No place can.
    case noPlace
    /// The agent speaks HTTP/2 from here on; what has come of it already is left in the input.
    case ready
    /// An agent of another version, or more than ``noiseSizeMax`` of something else.
    case failed(LinkError)
    /// No daemon of the run is there, and none was to be started.
    case noDaemon
    case timedOut
    /// The pipe closed before the agent was ready.
    case closed(noise: String)
  }

  /// What a login shell may print, and the script with it.
  static let noiseSizeMax = 64 << 10
  /// What is kept of it for the error.
  static let noiseKeptSizeMax = 1024

  /// The end of what was neither ours nor the agent's.
  private var noise: [UInt8] = []
  private var noiseSize = 0
  private var line: [UInt8] = []

  /// Takes bytes from the front of `input` up to the next line that means something.
  ///
  /// - Returns: `nil` when it has to wait for more.
  mutating func received(_ input: inout ArraySlice<UInt8>) -> Event? {
    while let byte = input.popFirst() {
      guard byte == UInt8(ascii: "\n") else {
        self.line.append(byte)
        if self.line.count > Self.noiseSizeMax { return .failed(.noise(self.noiseText)) }
        continue
      }
      let line = self.line
      self.line = []
      // Lines that mean something as well: a node that repeats one ends here.
      self.noiseSize += line.count + 1
      let event = Self.meaning(of: line)
      if event == nil {
        self.noise = (self.noise + line + [UInt8(ascii: "\n")]).suffix(Self.noiseKeptSizeMax)
      }
      if self.noiseSize > Self.noiseSizeMax, event != .ready {
        return .failed(.noise(self.noiseText))
      }
      if let event { return event }
    }
    return nil
  }

  /// The noise with the line that has not ended, for an error.
  var noiseText: String {
    let text = String(
      decoding: (self.noise + self.line).suffix(Self.noiseKeptSizeMax), as: UTF8.self)
    return String(text.drop(while: \.isWhitespace))
  }

  private static func meaning(of line: [UInt8]) -> Event? {
    guard line.starts(with: "muster-".utf8), line.count <= 4096 else { return nil }
    let text = String(decoding: line, as: UTF8.self)
    if text + "\n" == AgentPreface.line { return .ready }
    let words = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    switch words.first {
    case "muster-node" where words.count == 2 && UInt32(words[1]) != nil:
      return .failed(.otherProtocol(line: text))
    case "muster-found" where words.count == 1: return .agentFound
    case "muster-absent":
      let parts = text.split(separator: " ")
      guard parts.count == 4, parts[3] == "gzip" || parts[3] == "plain" else { return nil }
      return .imageWanted(
        system: String(parts[1]), architecture: String(parts[2]), isGzipped: parts[3] == "gzip")
    case "muster-unfit":
      guard words.count >= 2, let index = Int(words[1]),
        (1...AgentScript.places.count).contains(index)
      else { return nil }
      return .placeUnfit(
        AgentPlaceFault(index: index - 1, detail: words.count > 2 ? String(words[2]) : ""))
    case "muster-failed" where words.count == 1: return .noPlace
    case "muster-resting" where words.count == 1: return .noDaemon
    default: return nil
    }
  }
}

/// Why a place on a node cannot hold the agent.
package struct AgentPlaceFault: Equatable, Sendable {
  /// In ``AgentScript/places``.
  package var index: Int
  /// The node's own words.
  package var detail: String

  package var place: String { AgentScript.places[self.index] }

  /// In one or a few words.
  package var reason: String {
    let marks = [
      ("No space left", "full"), ("Disk quota exceeded", "full"), ("File too large", "full"),
      ("Read-only file system", "read-only"), ("noexec", "noexec"),
      ("damaged", "the upload arrived damaged"), ("ermission denied", "no permission"),
      ("not a folder of this user", "no permission"),
    ]
    return marks.first { self.detail.contains($0.0) }?.1 ?? "other"
  }
}
