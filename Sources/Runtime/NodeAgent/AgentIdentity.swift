import Fleet

/// Which run, and which of its nodes, an agent serves.
package struct AgentIdentity: Equatable, Sendable {
  /// Longest name of either kind, so that paths stay within the file system's limits.
  package static let nameLengthMax = 64

  package let run: String
  package let node: String

  /// - Throws: `NodeAgentError.usage` unless both are 1 to 64 of `A-Za-z0-9._-` and neither `.` nor
  ///   `..`: they become names of folders.
  package init(run: String, node: String) throws(NodeAgentError) {
    for (what, name) in [("run", run), ("node", node)] where !Self.isName(name) {
      throw .usage("\(what) `\(name)` is not a name: 1 to 64 of A-Z a-z 0-9 . _ -")
    }
    self.run = run
    self.node = node
  }

  /// `run/node`: what `MUSTER_RUN` holds in each process of the run on this node.
  package var mark: String { "\(self.run)/\(self.node)" }

  /// 12 hexadecimal digits of the mark's SHA-256: short enough for a socket's path.
  package var digest: String { String(SHA256.hex(of: self.mark.utf8).prefix(12)) }

  /// Whether `name` may be part of a path.
  package static func isName(_ name: String) -> Bool {
    guard (1...Self.nameLengthMax).contains(name.utf8.count), name != ".", name != ".." else {
      return false
    }
    return name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "-"):
        true
      default: false
      }
    }
  }
}
