import Fleet
import Glibc
import OperatingSystem
import Synchronization
import Terminal

/// The process's own streams: data that could be piped on standard output, talk on standard error.
/// Commands write nowhere else.
enum StandardStreams {
  private static let output = Self.stream(STDOUT_FILENO) { Self.write($0, to: STDOUT_FILENO) }
  private static let errors = Self.stream(STDERR_FILENO) { bytes in
    let isHeld = Self.held.withLock { held in
      held?.append(bytes)
      if let count = held?.count, count > Self.heldCountMax { held?.removeFirst() }
      return held != nil
    }
    if !isHeld { Self.write(bytes, to: STDERR_FILENO) }
  }

  // MARK: Data

  static func data(_ text: String) { Self.output.text(text) }

  static func data(_ bytes: [UInt8]) { Self.output.bytes(bytes) }

  static func data(_ lines: [StyledLine]) { Self.output.lines(lines) }

  static func draw(_ strokes: [OutputStream.Stroke]) { Self.output.draw(strokes) }

  // MARK: Talk

  /// Writes a line of talk, which has no line feed.
  static func say(_ line: String) { Self.errors.line(line) }

  static func talk(_ text: String) {
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      self.say(String(line))
    }
  }

  /// Writes a diagnostic, coloured where ``Palette`` says so.
  static func tell(_ diagnostic: Diagnostic) { Self.errors.diagnostic(diagnostic) }

  static func drawTalk(_ strokes: [OutputStream.Stroke]) { Self.errors.draw(strokes) }

  /// Talk while a whole screen is drawn; more is of no use when it is gone.
  private static let heldCountMax = 100
  private static let held = Mutex<[[UInt8]]?>(nil)

  /// Keeps talk back: what has the whole screen would be written over.
  static func holdTalk() {
    self.held.withLock { $0 = $0 ?? [] }
  }

  /// Writes what was kept back, the newest of it.
  static func releaseTalk() {
    let held = self.held.withLock { held in
      defer { held = nil }
      return held ?? []
    }
    Self.write(Array(held.joined()), to: STDERR_FILENO)
  }

  // MARK: The process

  static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  /// Whether standard output is a terminal whose cursor can be moved.
  static var outputIsScreen: Bool {
    guard self.outputIsTerminal, let name = getenv("TERM") else { return false }
    return !["", "dumb"].contains(String(cString: name))
  }

  /// Columns of the terminal that standard error is; `nil` where it is none.
  static var talkWidth: Int? {
    isatty(STDERR_FILENO) == 1 ? Self.size(of: STDERR_FILENO).width : nil
  }

  /// Columns and lines of a terminal; 80 and 24 where it does not know.
  static func size(of terminal: CInt) -> (width: Int, height: Int) {
    var size = winsize()
    _ = ioctl(terminal, UInt(TIOCGWINSZ), &size)
    return (size.ws_col > 0 ? Int(size.ws_col) : 80, size.ws_row > 0 ? Int(size.ws_row) : 24)
  }

  private static func stream(
    _ descriptor: CInt, _ write: @escaping @Sendable ([UInt8]) -> Void
  ) -> OutputStream {
    let names = ["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "TERM"]
    let environment = names.reduce(into: [String: String]()) { environment, name in
      environment[name] = getenv(name).map { String(cString: $0) }
    }
    let isTerminal = isatty(descriptor) == 1
    return OutputStream(
      isTerminal: isTerminal,
      palette: Palette(environment: environment, isTerminal: isTerminal),
      write: write)
  }

  /// A reader that has gone ends the process quietly, as `SIGPIPE` would; data that cannot be written, as
  /// on a full disk, end it with their fault. Talk that nobody can hear is no matter.
  private static func write(_ bytes: [UInt8], to descriptor: CInt) {
    do throws(SystemFault) {
      try PlainFile.write(bytes, to: descriptor, named: "a stream")
    } catch {
      guard descriptor == STDOUT_FILENO else { return }
      if error.code == EPIPE { exit(ExitStatus.brokenPipe.rawValue) }
      // A terminal that has gone loses nothing that anybody keeps.
      if Self.output.isTerminal { return }
      self.tell(Diagnostic(code: "output", "standard output cannot be written: \(error.reason)"))
      exit(ExitStatus.environment.rawValue)
    }
  }
}
