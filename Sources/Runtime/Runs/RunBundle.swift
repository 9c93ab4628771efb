import Fleet
import Glibc
import Links
import OperatingSystem
import RecordFiles
import RunStore

/// A packed folder of texts, each redacted before it is written; only its owner may read it.
package struct RunBundle {
  /// Of `tar`, for what is at most some tens of megabytes.
  private static let packTimeoutMilliseconds: CInt = 60_000

  package let path: String
  private let parts: String
  private let name: String
  private let redact: @Sendable (String) -> String

  /// - Parameters:
  ///   - path: Absolute, of the file to write; its folder is there.
  ///   - name: Of the folder inside.
  package init(
    path: String, name: String, redact: @escaping @Sendable (String) -> String
  ) throws(RunFault) {
    self.path = path
    self.name = name
    self.redact = redact
    self.parts = "\(path).\(getpid()).parts"
    umask(0o077)
    for folder in [self.parts, "\(self.parts)/\(name)"] {
      guard mkdir(folder, 0o700) == 0 else { throw Self.fault(folder) }
    }
  }

  package func add(_ file: String, _ text: String) throws(RunFault) {
    let path = "\(self.parts)/\(self.name)/\(file)"
    do throws(SystemFault) {
      let file = try OpenFile(path: path, flags: O_CREAT | O_EXCL | O_WRONLY)
      try file.write(Array(self.redact(text).utf8), at: 0)
    } catch {
      throw RunFault(.file(error))
    }
  }

  /// Writes the file beside its place and renames it.
  package func pack() throws(RunFault) {
    let unfinished = "\(self.parts)/packed"
    let ending: ChildProgram.Ending
    do throws(LinkError) {
      ending = try ChildProgram.run(
        ["tar", "-czf", unfinished, "-C", self.parts, self.name],
        timeoutMilliseconds: Self.packTimeoutMilliseconds)
    } catch {
      throw RunFault(.surroundings, error.diagnostic)
    }
    guard ending.status == 0 else {
      let words = String(decoding: ending.output, as: UTF8.self)
      throw RunFault(
        .surroundings, Diagnostic(code: "not-packed", "`tar` did not pack it", causes: [words]))
    }
    guard rename(unfinished, self.path) == 0 else { throw Self.fault(self.path) }
  }

  package func removeParts() {
    guard let slash = self.parts.lastIndex(of: "/") else { return }
    let name = String(self.parts[self.parts.index(after: slash)...])
    _ = try? FolderTree.remove(name, in: String(self.parts[...slash]))
  }

  private static func fault(_ path: String) -> RunFault {
    RunFault(
      .surroundings,
      Diagnostic(
        code: "not-written", "`\(path)` cannot be written: \(String(cString: strerror(errno)))"))
  }
}
