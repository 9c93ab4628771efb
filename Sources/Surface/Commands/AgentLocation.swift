import Fleet
import Glibc
import Links
import NIOPosix

/// Where the program for the nodes is on this machine.
enum AgentLocation {
  /// Says where, if it is in none of the usual places.
  static let variable = "MUSTER_AGENT"

  /// What opens links with that program.
  static func opener() throws(CommandFailure) -> LinkOpener {
    let path = try Self.path()
    do throws(LinkError) {
      let image = try AgentImage(path: path, cacheFolder: "\(ManifestFile.home)/.cache/muster")
      return LinkOpener(
        group: MultiThreadedEventLoopGroup.singleton, agent: image,
        admission: LinkAdmission(seed: .random(in: 0...UInt64.max)))
    } catch {
      throw CommandFailure(status: 2, [error.diagnostic(nodes: path)])
    }
  }

  /// - Throws: `CommandFailure` with status 2 when it is nowhere.
  static func path() throws(CommandFailure) -> String {
    if let path = getenv(Self.variable).map({ String(cString: $0) }) {
      if access(path, X_OK) == 0 { return path }
      throw CommandFailure(
        status: 2,
        [
          Diagnostic(
            code: "no-agent", "`\(path)`, which \(Self.variable) names, is no program",
            hints: ["unset it, or build one with `scripts/agent`"])
        ])
    }
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let size = readlink("/proc/self/exe", &buffer, Int(PATH_MAX))
    let own = String(
      decoding: buffer.prefix(max(size, 0)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    let folder = ManifestFile.folder(of: own)
    // Installed beside muster; or in a checkout, where scripts/agent puts it.
    let places = ["\(folder)/../../agent/muster-node", "\(folder)/muster-node"]
    guard let path = places.first(where: { access($0, X_OK) == 0 }) else {
      throw CommandFailure(
        status: 2,
        [
          Diagnostic(
            code: "no-agent", "the program for the nodes, `muster-node`, is not built",
            hints: ["`scripts/agent` builds it, or \(Self.variable) names it"])
        ])
    }
    return path
  }
}
