import Fleet
import Glibc

/// Where the program for the nodes is on this machine.
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
    let folder = ManifestFile.folder(of: own)
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
