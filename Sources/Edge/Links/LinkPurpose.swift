/// What is wanted of the agent at the other end of a link.
package enum LinkPurpose: Equatable, Sendable {
  /// The daemon of a run, started if there is none: it outlives the link.
  case run(String)
  /// Short calls that belong to no run: the agent ends with the link, and leaves nothing.
  case errand

  /// A name that must be one.
  var name: String {
    switch self {
    case .run(let run): run
    case .errand: "errand"
    }
  }

  /// Of `muster-node`.
  func arguments(node: String) -> [String] {
    switch self {
    case .run(let run): ["connect", "--run", run, "--node", node]
    case .errand: ["errand", "--node", node]
    }
  }
}
