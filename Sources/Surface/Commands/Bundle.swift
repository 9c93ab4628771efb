import Fleet
import Glibc
import Links
import Synchronization

/// A packed folder of texts, each redacted before it is written; only its owner may read it.
struct Bundle {
  /// Of `tar`, for what is at most some tens of megabytes.
  private static let packTimeoutMilliseconds: CInt = 60_000

  let path: String
  private let parts: String
  private let name: String
  private let redact: @Sendable (String) -> String

  /// - Parameters:
  ///   - path: Absolute, of the file to write; its folder is there.
  ///   - name: Of the folder inside.
  init(path: String, name: String, redact: @escaping @Sendable (String) -> String) throws {
    self.path = path
    self.name = name
    self.redact = redact
    self.parts = "\(path).\(getpid()).parts"
    umask(0o077)
    for folder in [self.parts, "\(self.parts)/\(name)"] {
      guard mkdir(folder, 0o700) == 0 else { throw Self.fault(folder) }
    }
  }

  func add(_ file: String, _ text: String) throws {
    let path = "\(self.parts)/\(self.name)/\(file)"
    let descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.fault(path) }
    defer { close(descriptor) }
    try Array(self.redact(text).utf8).withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = write(
          descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw Self.fault(path) }
        rest = rest.dropFirst(count)
      }
    }
  }

  /// Writes the file beside its place and renames it.
  func pack() throws {
    let unfinished = "\(self.parts)/packed"
    let ending: ChildProgram.Ending
    do throws(LinkError) {
      ending = try ChildProgram.run(
        ["tar", "-czf", unfinished, "-C", self.parts, self.name],
        timeoutMilliseconds: Self.packTimeoutMilliseconds)
    } catch {
      throw CommandFailure(status: 2, [error.unnamedDiagnostic])
    }
    guard ending.status == 0 else {
      let words = String(decoding: ending.output, as: UTF8.self)
      throw CommandFailure(
        status: 2, [Diagnostic(code: "not-packed", "`tar` did not pack it", causes: [words])])
    }
    guard rename(unfinished, self.path) == 0 else { throw Self.fault(self.path) }
  }

  func removeParts() {
    for folder in ["\(self.parts)/\(self.name)", self.parts] {
      if let stream = opendir(folder) {
        while let entry = readdir(stream) {
          let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
          }
          if name != ".", name != ".." { unlink("\(folder)/\(name)") }
        }
        closedir(stream)
      }
      rmdir(folder)
    }
  }

  private static func fault(_ path: String) -> CommandFailure {
    CommandFailure(
      status: 2,
      [
        Diagnostic(
          code: "not-written", "`\(path)` cannot be written: \(String(cString: strerror(errno)))")
      ])
  }
}

/// Bytes that come in pieces.
final class TextPieces: Sendable {
  /// Of one log: 200 lines of 10 kB.
  private static let sizeMax = 2 << 20

  private let bytes = Mutex<[UInt8]>([])

  func append(_ piece: [UInt8]) {
    self.bytes.withLock { $0 += piece.prefix(Self.sizeMax - $0.count) }
  }

  var text: String { self.bytes.withLock { String(decoding: $0, as: UTF8.self) } }
}
