package import Fleet
import Glibc
import Synchronization
import Terminal

/// The process's own streams: data that could be piped on standard output, talk on standard error.
package enum StandardStreams {
  /// Writes data. A reader that has gone ends the process quietly, as `SIGPIPE` would.
  package static func data(_ text: String) {
    Self.write(Array(text.utf8), to: STDOUT_FILENO)
  }

  /// Writes bytes of data, such as records.
  package static func data(_ bytes: [UInt8]) {
    Self.write(bytes, to: STDOUT_FILENO)
  }

  /// Writes progress, warnings and errors.
  package static func talk(_ text: String) {
    let isHeld = self.held.withLock { held in
      held?.append(text)
      if let count = held?.count, count > Self.heldCountMax { held?.removeFirst() }
      return held != nil
    }
    if !isHeld { Self.write(Array(text.utf8), to: STDERR_FILENO) }
  }

  /// Talk while a whole screen is drawn; more is of no use when it is gone.
  private static let heldCountMax = 100
  private static let held = Mutex<[String]?>(nil)

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
    Self.write(Array(held.joined().utf8), to: STDERR_FILENO)
  }

  /// Writes a diagnostic to standard error, coloured where ``ColourPolicy`` says so.
  package static func tell(_ diagnostic: Diagnostic) {
    Self.talk(Self.palette(for: STDERR_FILENO).rendered(diagnostic))
  }

  /// The colours of a stream, as ``ColourPolicy`` has them.
  static func palette(for descriptor: CInt) -> Palette {
    let names = ["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "TERM"]
    let environment = names.reduce(into: [String: String]()) { environment, name in
      environment[name] = getenv(name).map { String(cString: $0) }
    }
    return Palette(ColourPolicy(environment: environment, isTerminal: isatty(descriptor) == 1))
  }

  private static func write(_ bytes: [UInt8], to descriptor: CInt) {
    bytes.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = Glibc.write(
          descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        if count < 0, errno == EPIPE, descriptor == STDOUT_FILENO { exit(141) }
        guard count > 0 else { return }
        rest = rest.dropFirst(count)
      }
    }
  }
}
