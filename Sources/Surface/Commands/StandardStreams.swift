package import Fleet
import Glibc
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
    Self.write(Array(text.utf8), to: STDERR_FILENO)
  }

  /// Writes a diagnostic to standard error, coloured where ``ColourPolicy`` says so.
  package static func tell(_ diagnostic: Diagnostic) {
    let names = ["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "TERM"]
    let environment = names.reduce(into: [String: String]()) { environment, name in
      environment[name] = getenv(name).map { String(cString: $0) }
    }
    let policy = ColourPolicy(environment: environment, isTerminal: isatty(STDERR_FILENO) == 1)
    Self.talk(Palette(policy).rendered(diagnostic))
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
