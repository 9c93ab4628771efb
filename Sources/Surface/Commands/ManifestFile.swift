import Fleet
import Glibc
import Manifest
import OperatingSystem
import Plan

/// A manifest on disk, resolved into a plan.
struct ManifestFile {
  let plan: Plan
  /// Where its runs are, unless `--runs` says otherwise.
  let runsFolder: String
  /// Whom to tell of changes; no part of the plan, as no node gets it.
  let notify: ManifestNotify?
  /// Whose lines are counted, on the nodes; no part of the plan, as nothing is started for it.
  let watchedFiles: [WatchedPattern]
  /// What a reader of the plan should know.
  let notes: [String]

  /// Reads, checks and plans the manifest; says its warnings on standard error.
  ///
  /// - Parameter path: `-` reads standard input.
  /// - Throws: `CommandFailure` with every fault of the file, or where it cannot be read.
  init(_ path: String) throws(CommandFailure) {
    let text = try Self.text(at: path)
    let beside = PlainFile.folder(of: path)
    let folder = Self.absolute(beside)
    let (manifest, faults) = ManifestReader.read(text, file: path) { included in
      try? Self.text(at: included.hasPrefix("/") ? included : "\(beside)/\(included)")
    }
    guard let manifest else { throw CommandFailure(.failed, faults) }
    let context = PlanContext(home: Self.home, user: Self.user, manifestFolder: folder)
    let result = Planner.plan(manifest, context: context)
    let warnings = faults + result.diagnostics
    guard let plan = result.plan else { throw CommandFailure(.failed, warnings) }
    for warning in warnings { StandardStreams.tell(warning) }
    self.plan = plan
    self.runsFolder = "\(folder)/runs"
    self.notify = manifest.notify
    self.watchedFiles = manifest.work?.watchedFiles ?? []
    self.notes = result.notes
  }

  static var home: String {
    if let home = getenv("HOME") { return String(cString: home) }
    return getpwuid(getuid()).flatMap { $0.pointee.pw_dir }.map { String(cString: $0) } ?? "/"
  }

  static var user: String {
    getpwuid(getuid()).flatMap { $0.pointee.pw_name }.map { String(cString: $0) } ?? "root"
  }

  /// The text of a file, read up to what the manifest's reader allows and a little more, which that
  /// reader then refuses; of standard input for `-`.
  static func text(at path: String) throws(CommandFailure) -> String {
    do throws(SystemFault) {
      let sizeMax = ManifestYAML.maximumSize + 1
      if path == "-" {
        return WrittenText.decode(
          try PlainFile.read(STDIN_FILENO, named: path, sizeMax: sizeMax))
      }
      // It may be a pipe of the shell's.
      let file = try OpenFile(path: path, flags: O_RDONLY | O_NOCTTY)
      return WrittenText.decode(
        try PlainFile.read(file.number, named: path, sizeMax: sizeMax))
    } catch {
      throw CommandFailure(
        .failed, code: "no-manifest", "`\(path)` cannot be read: \(error.reason)",
        hints: error.code == ENOENT ? ["`muster init \(path)` writes a manifest"] : [])
    }
  }

  /// `path` from the root; it need not exist.
  static func absolute(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    guard let here = getcwd(nil, 0) else { return path }
    defer { free(here) }
    let folder = String(cString: here)
    return path == "." ? folder : "\(folder)/\(path)"
  }
}
