import Fleet

/// What the program on a node is asked to do.
///
/// ```
/// muster-node connect --run ID --node NAME   relays standard input and output to the run's daemon
/// muster-node observe --run ID --node NAME   as connect; where there is no daemon it says so and ends
/// muster-node errand --node NAME             serves short calls that belong to no run on standard input
///                                            and output, and ends with them
/// muster-node daemon --run ID --node NAME    serves the run; started by `connect`
/// muster-node hold --replica FOLDER --attempt NUMBER
///                                            keeps one replica; started by the daemon
/// muster-node verify SHA256                  whether this file's hash is that
/// muster-node version
/// ```
package enum AgentCommand: Equatable, Sendable {
  case connect(AgentIdentity)
  case observe(AgentIdentity)
  case errand(node: String)
  case daemon(AgentIdentity)
  /// One attempt at the replica that the folder describes (``ReplicaFolder``).
  case hold(replica: String, attempt: Int)
  case verify(sha256: String)
  case version

  /// - Parameter arguments: Without the program's name.
  package init(parsing arguments: [String]) throws(NodeAgentError) {
    let rest = arguments.dropFirst()
    switch arguments.first {
    case "connect": self = .connect(try Self.identity(rest))
    case "observe": self = .observe(try Self.identity(rest))
    case "errand":
      let node = try Self.options(rest, ["--node"])[0]
      // Checked as names are.
      self = .errand(node: try AgentIdentity(run: "none", node: node).node)
    case "daemon": self = .daemon(try Self.identity(rest))
    case "hold":
      let options = try Self.options(rest, ["--replica", "--attempt"])
      guard let attempt = Int(options[1]) else { throw .usage("--attempt takes a number") }
      self = .hold(replica: options[0], attempt: attempt)
    case "verify":
      guard let hash = rest.first, rest.count == 1, hash.utf8.count == 64 else {
        throw .usage("verify takes one SHA-256 of 64 hexadecimal digits")
      }
      self = .verify(sha256: hash.lowercased())
    case "version" where rest.isEmpty: self = .version
    default:
      throw .usage(
        "muster-node connect|observe|daemon --run ID --node NAME, errand --node NAME, verify SHA256, or version"
      )
    }
  }

  private static func identity(
    _ arguments: ArraySlice<String>
  ) throws(NodeAgentError) -> AgentIdentity {
    let options = try Self.options(arguments, ["--run", "--node"])
    return try AgentIdentity(run: options[0], node: options[1])
  }

  /// The values of options, each given once, in the order of `names`.
  private static func options(
    _ arguments: ArraySlice<String>, _ names: [String]
  ) throws(NodeAgentError) -> [String] {
    var values: [String: String] = [:]
    var rest = arguments
    while let option = rest.popFirst() {
      guard names.contains(option), values[option] == nil, let value = rest.popFirst() else {
        throw .usage("`\(option)` is not one of \(names.joined(separator: ", ")) with a value")
      }
      values[option] = value
    }
    let found = names.compactMap { values[$0] }
    guard found.count == names.count else {
      throw .usage("needed with a value each: \(names.joined(separator: ", "))")
    }
    return found
  }
}

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
