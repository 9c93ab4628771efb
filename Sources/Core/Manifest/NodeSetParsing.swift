import Fleet

/// Node set expressions of a manifest.
enum NodeSetParsing {
  /// The nodes of `text` in the order of node sets, each once, or what is wrong with it.
  static func names(
    _ text: String, groups: (String) -> [NodeName]?
  ) -> Result<[NodeName], NodeSetFault> {
    do {
      let set = try NodeSet(parsing: text) { (name) throws(NodeSetError) in
        groups(name).map { NodeSet($0) }
      }
      return .success(set.names)
    } catch {
      return .failure(NodeSetFault(text: error.summary, hint: error.hint))
    }
  }
}

/// What is wrong with a node set.
struct NodeSetFault: Error {
  let text: String
  let hint: String?
}
