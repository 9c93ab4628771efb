package import Fleet
import Glibc
package import Manifest
package import Plan

/// A manifest on disk: read, checked and planned.
package struct ManifestFile {
  package let manifest: Manifest
  package let plan: Plan
  /// Warnings, sorted by place.
  package let warnings: [Diagnostic]
  /// What a reader of the plan should know.
  package let notes: [String]

  /// Reads and plans the manifest at `path`.
  ///
  /// - Throws: `CommandFailure`: status 1 with all faults of the manifest, 2 if it cannot be read.
  package static func load(_ path: String) throws -> Self {
    let text = try Self.text(at: path)
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { String(path[..<$0]) } ?? "."
    let base = slash == path.startIndex ? "/" : folder
    let (manifest, faults) = ManifestReader.read(text, file: path) { included in
      try? Self.text(at: included.hasPrefix("/") ? included : "\(base)/\(included)")
    }
    guard let manifest else { throw CommandFailure(status: 1, faults) }
    let result = Planner.plan(
      manifest, context: try Self.context(manifestFolder: Self.absolute(base)))
    let all = faults + result.diagnostics
    guard let plan = result.plan else { throw CommandFailure(status: 1, all) }
    return Self(manifest: manifest, plan: plan, warnings: all, notes: result.notes)
  }

  /// The text of a file of at most 1 MiB; of standard input for `-`.
  package static func text(at path: String) throws -> String {
    let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.unreadable(path, errno) }
    defer { if path != "-" { close(descriptor) } }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    // One byte over the cap is enough for the reader to refuse it.
    while bytes.count <= ManifestYAML.maximumSize {
      let count = read(descriptor, &piece, piece.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Self.unreadable(path, errno) }
      if count == 0 { break }
      bytes += piece[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func unreadable(_ path: String, _ code: CInt) -> CommandFailure {
    CommandFailure(
      status: 2,
      [
        Diagnostic(
          code: "unreadable-file", "`\(path)` cannot be read: \(String(cString: strerror(code)))",
          hints: code == ENOENT ? ["`muster init \(path)` writes a manifest"] : [])
      ])
  }

  private static func context(manifestFolder: String) throws -> PlanContext {
    let account = getpwuid(geteuid())
    let home =
      getenv("HOME").map { String(cString: $0) }
      ?? account.map { String(cString: $0.pointee.pw_dir) } ?? "/"
    let user =
      account.map { String(cString: $0.pointee.pw_name) }
      ?? getenv("USER").map { String(cString: $0) } ?? "nobody"
    return PlanContext(home: home, user: user, manifestFolder: manifestFolder)
  }

  private static func absolute(_ path: String) throws -> String {
    guard let resolved = realpath(path, nil) else { throw Self.unreadable(path, errno) }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}
