import Fleet

/// Which run, and which of its nodes, an agent serves.
package struct AgentIdentity: Equatable, Sendable {
  package let run: String
  package let node: String

  /// - Throws: `NodeAgentError.usage` unless both may be names of folders.
  package init(run: String, node: String) throws(NodeAgentError) {
    for (what, name) in [("run", run), ("node", node)] where !FolderName.isFolderName(name) {
      throw .usage("\(what) `\(name)` is not a name: 1 to 64 of A-Z a-z 0-9 . _ -")
    }
    self.run = run
    self.node = node
  }

  /// `run/node`: what `MUSTER_RUN` holds in each process of the run on this node.
  package var mark: String { "\(self.run)/\(self.node)" }

  /// 12 hexadecimal digits of the mark's SHA-256: short enough for a socket's path.
  package var digest: String { String(SHA256.hex(of: self.mark.utf8).prefix(12)) }
}
