import Fleet

/// Node set expressions of a manifest.
enum NodeSetParsing {
  /// The nodes of `text` in the order of node sets, each once, or what is wrong with it.
  static func names(
    _ text: String, groups: (String) -> [NodeName]?
  ) -> Result<[NodeName], NodeSetFault> {
    do {
      return .success(try NodeSet(parsing: text) { groups($0).map { NodeSet($0) } }.names)
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
