import Fleet
import FoundationEssentials
import Glibc
import Manifest
import Plan

/// A manifest on disk, resolved into a plan.
struct ManifestFile {
  let path: String
  let plan: Plan
  /// What a reader of the plan should know.
  let notes: [String]

  /// - Throws: `CommandFailure` with status 1 and every fault of the file.
  init(_ path: String) throws(CommandFailure) {
    guard let text = Self.text(of: path) else {
      throw CommandFailure(
        status: 1,
        [
          Diagnostic(
            code: "no-manifest", "`\(path)` cannot be read: \(String(cString: strerror(errno)))",
            hints: ["`muster init` writes a manifest"])
        ])
    }
    let folder = Self.folder(of: path)
    let (manifest, faults) = ManifestReader.read(text, file: path) { Self.text(of: "\(folder)/\($0)") }
    guard let manifest else { throw CommandFailure(status: 1, faults) }
    let context = PlanContext(
      home: Self.home, user: Self.user, manifestFolder: Self.absolute(folder))
    let result = Planner.plan(manifest, context: context)
    let warnings = (faults + result.diagnostics)
    guard let plan = result.plan else { throw CommandFailure(status: 1, warnings) }
    for warning in warnings { StandardStreams.talk(warning.rendered()) }
    self.path = path
    self.plan = plan
    self.notes = result.notes
  }

  /// Where the manifest's runs are, unless `--runs` says otherwise.
  var runsFolder: String { "\(Self.absolute(Self.folder(of: self.path)))/runs" }

  static var home: String {
    if let home = getenv("HOME") { return String(cString: home) }
    return getpwuid(getuid()).flatMap { $0.pointee.pw_dir }.map { String(cString: $0) } ?? "/"
  }

  static var user: String {
    getpwuid(getuid()).flatMap { $0.pointee.pw_name }.map { String(cString: $0) } ?? "root"
  }

  static func text(of path: String) -> String? {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    return String(decoding: data, as: UTF8.self)
  }

  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  static func absolute(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    let here = FileManager.default.currentDirectoryPath
    return path == "." ? here : "\(here)/\(path)"
  }
}
