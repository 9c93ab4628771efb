import Glibc
import OperatingSystem

/// Whether systemd ends a user's processes with the last login. Source: logind.conf(5).
struct LogoutQuestion: Sendable {
  /// Empty: that of the machine.
  var root = ""
  var user: String
  var isRoot: Bool

  /// `nil` where no systemd runs.
  var killsProcesses: Bool? {
    guard access("\(self.root)/run/systemd/system", F_OK) == 0 else { return nil }
    // `KillExcludeUsers=root` is the default.
    if self.isRoot || access("\(self.root)/var/lib/systemd/linger/\(self.user)", F_OK) == 0 {
      return false
    }
    var kills = false
    for file in self.files {
      guard let bytes = try? PlainFile.read(file, sizeMax: 1 << 20) else { continue }
      for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
        let words = line.split(separator: "=", maxSplits: 1).map {
          String($0.filter { $0 != " " && $0 != "\t" })
        }
        guard words.count == 2, words[0] == "KillUserProcesses" else { continue }
        kills = ["1", "yes", "true", "on", "y", "t"].contains(words[1].lowercased())
      }
    }
    return kills
  }

  /// Later ones win: the file, then all drop-ins in the order of their names.
  private var files: [String] {
    let folders = ["/usr/lib", "/run", "/etc"].map { "\(self.root)\($0)/systemd" }
    let main = folders.map { "\($0)/logind.conf" }.last { (file: String) in
      access(file, F_OK) == 0
    }
    var dropIns: [String: String] = [:]
    for folder in folders.map({ "\($0)/logind.conf.d" }) {
      for name in (try? PlainFile.names(in: folder)) ?? [] where name.hasSuffix(".conf") {
        dropIns[name] = "\(folder)/\(name)"
      }
    }
    return [main].compactMap(\.self) + dropIns.sorted { $0.key < $1.key }.map(\.value)
  }
}
