/// Named node sets that may name each other, resolved.
package struct NodeGroups: Equatable, Sendable {
  private var members: [String: NodeSet] = [:]

  /// The names of all groups, in the order of their characters.
  package var names: [String] { self.members.keys.sorted() }

  /// Resolves the groups, in the order given.
  ///
  /// - Parameter expressions: Names without `@`, no duplicates, each with its node set expression.
  /// - Throws: ``Fault``: the first group whose expression is wrong.
  package init(_ expressions: [(name: String, expression: String)]) throws(Fault) {
    let table = Dictionary(expressions.map { ($0.name, $0.expression) }) { first, _ in first }
    for (name, _) in expressions {
      do {
        _ = try self.resolve(name, path: [], in: table)
      } catch {
        throw Fault(group: name, error: error)
      }
    }
  }

  /// A group that cannot be resolved.
  package struct Fault: Error, Equatable, Sendable {
    package var group: String
    /// Its column counts in the group's own expression.
    package var error: NodeSetError

    package init(group: String, error: NodeSetError) {
      self.group = group
      self.error = error
    }
  }

  /// The nodes of a group, for ``NodeSet/init(parsing:groups:)``.
  ///
  /// - Throws: ``NodeSetProblem/unknownGroup(nearest:)`` with the name that looks most like it.
  package func nodes(of name: String) throws(NodeSetError) -> NodeSet? {
    if let nodes = self.members[name] { return nodes }
    throw NodeSetError(.unknownGroup(nearest: Nearest.name(to: name, in: self.names)))
  }

  /// - Parameter path: The groups whose expressions are being read, outermost first.
  private mutating func resolve(
    _ name: String, path: [String], in table: [String: String]
  ) throws(NodeSetError) -> NodeSet {
    if let nodes = self.members[name] { return nodes }
    if let start = path.firstIndex(of: name) {
      throw NodeSetError(.groupCycle(Array(path[start...]) + [name]))
    }
    if path.count >= NodeSetLimits.groupDepthMax { throw NodeSetError(.groupsTooDeep) }
    guard let expression = table[name] else {
      let nearest = Nearest.name(to: name, in: table.keys.sorted())
      throw NodeSetError(.unknownGroup(nearest: nearest))
    }
    let nodes = try NodeSet(parsing: expression) { inner throws(NodeSetError) in
      do throws(NodeSetError) {
        return try self.resolve(inner, path: path + [name], in: table)
      } catch {
        throw Self.carried(error, isDirect: table[inner] == nil)
      }
    }
    self.members[name] = nodes
    return nodes
  }

  /// An error inside a group, as it is told of the expression that names the group.
  private static func carried(_ error: NodeSetError, isDirect: Bool) -> NodeSetError {
    switch error.problem {
    case .groupCycle, .groupsTooDeep, .insideGroup: error
    case .unknownGroup where isDirect: error
    default: NodeSetError(.insideGroup(summary: error.summary))
    }
  }
}
