import Coordinator
import Fleet
import FoundationEssentials
import Glibc
import NIOPosix
import OperatingSystem
import Runs

/// What Runtime gets of this process: its clocks, its environment, its chance, its streams.
enum Composition {
  static let clock = ContinuousClock()

  static var surroundings: Surroundings {
    Surroundings(
      coordinator: CoordinatorIdentity.name,
      milliseconds: { Int64(CoordinatorIdentity.nowMilliseconds) },
      variable: { name in getenv(name).map { String(cString: $0) } },
      draw: { .random(in: 0...UInt64.max) }, say: { StandardStreams.say($0) },
      tell: { StandardStreams.tell($0) })
  }

  static func links() throws -> FleetLinks {
    try FleetLinks(
      agent: try AgentLocation.path(), home: ManifestFile.home,
      cacheFolder: "\(ManifestFile.home)/.cache/muster",
      group: MultiThreadedEventLoopGroup.singleton, seed: .random(in: 0...UInt64.max))
  }
}

extension FleetContext {
  init(_ selection: RunSelection) throws {
    try self.init(try ManifestFile(selection.manifest), runs: selection.runs)
  }

  /// - Parameter runs: The folder of the runs; `nil`: the one beside the manifest.
  init(_ file: ManifestFile, runs: String?) throws {
    self.init(
      plan: file.plan, runsFolder: runs.map { ManifestFile.absolute($0) } ?? file.runsFolder,
      notify: file.notify, watchedFiles: file.watchedFiles, links: try Composition.links(),
      surroundings: Composition.surroundings)
  }
}

enum CoordinatorIdentity {
  /// `user@host pid N`.
  static var name: String {
    let user = getpwuid(getuid()).flatMap { $0.pointee.pw_name }.map { String(cString: $0) }
    return "\(user ?? "uid \(getuid())")@\(Self.hostName) pid \(getpid())"
  }

  static var hostName: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
    return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// Milliseconds since 1970: this coordinator's epoch.
  static var nowMilliseconds: UInt64 {
    UInt64(max(0, Date().timeIntervalSince1970 * 1000))
  }
}

enum AgentLocation {
  /// Says where, if it is in none of the usual places.
  static let variable = "MUSTER_AGENT"

  /// - Throws: `CommandFailure` when it is nowhere.
  static func path() throws(CommandFailure) -> String {
    if let path = getenv(Self.variable).map({ String(cString: $0) }) {
      if access(path, X_OK) == 0 { return path }
      throw CommandFailure(
        .environment, code: "no-agent",
        "`\(path)`, which \(Self.variable) names, is no program",
        hints: ["unset it, or build one with `scripts/agent`"])
    }
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let size = readlink("/proc/self/exe", &buffer, Int(PATH_MAX))
    let own = String(
      decoding: buffer.prefix(max(size, 0)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    let folder = PlainFile.folder(of: own)
    // Installed beside muster; or in a checkout, where scripts/agent puts it.
    let places = ["\(folder)/../../agent/muster-node", "\(folder)/muster-node"]
    guard let path = places.first(where: { access($0, X_OK) == 0 }) else {
      throw CommandFailure(
        .environment, code: "no-agent",
        "the program for the nodes, `muster-node`, is not built",
        hints: ["`scripts/agent` builds it, or \(Self.variable) names it"])
    }
    return path
  }
}
