/// What the program on a node is asked to do.
///
/// ```
/// muster-node connect --run ID --node NAME   relays standard input and output to the run's daemon
/// muster-node errand --node NAME             serves short calls that belong to no run on standard input
///                                            and output, and ends with them
/// muster-node daemon --run ID --node NAME    serves the run; started by `connect`
/// muster-node hold --record FILE --log FILE [--folder FOLDER] -- PROGRAM ...
///                                            keeps one replica; started by the daemon
/// muster-node verify SHA256                  whether this file's hash is that
/// muster-node version
/// ```
package enum AgentCommand: Equatable, Sendable {
  case connect(AgentIdentity)
  case errand(node: String)
  case daemon(AgentIdentity)
  case hold(HolderOrder)
  case verify(sha256: String)
  case version

  /// - Parameter arguments: Without the program's name.
  package init(parsing arguments: [String]) throws(NodeAgentError) {
    let rest = arguments.dropFirst()
    switch arguments.first {
    case "connect": self = .connect(try Self.identity(rest))
    case "errand":
      let node = try Self.options(rest, known: ["--node"])["--node"] ?? ""
      // Checked as names are.
      self = .errand(node: try AgentIdentity(run: "none", node: node).node)
    case "daemon": self = .daemon(try Self.identity(rest))
    case "hold": self = .hold(try HolderOrder(parsing: rest))
    case "verify":
      guard let hash = rest.first, rest.count == 1, hash.utf8.count == 64 else {
        throw .usage("verify takes one SHA-256 of 64 hexadecimal digits")
      }
      self = .verify(sha256: hash.lowercased())
    case "version" where rest.isEmpty: self = .version
    default:
      throw .usage(
        "muster-node connect|daemon --run ID --node NAME, errand --node NAME, verify SHA256, or version"
      )
    }
  }

  private static func identity(
    _ arguments: ArraySlice<String>
  ) throws(NodeAgentError) -> AgentIdentity {
    let options = try Self.options(arguments, known: ["--run", "--node"])
    guard let run = options["--run"], let node = options["--node"] else {
      throw .usage("both --run ID and --node NAME are needed")
    }
    return try AgentIdentity(run: run, node: node)
  }

  /// Pairs of an option and its value, each at most once.
  static func options(
    _ arguments: ArraySlice<String>, known: [String]
  ) throws(NodeAgentError) -> [String: String] {
    var options: [String: String] = [:]
    var rest = arguments
    while let option = rest.popFirst() {
      guard known.contains(option), options[option] == nil, let value = rest.popFirst() else {
        throw .usage("`\(option)` is not one of \(known.joined(separator: ", ")) with a value")
      }
      options[option] = value
    }
    return options
  }
}
