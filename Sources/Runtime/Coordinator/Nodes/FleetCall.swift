package import Plan

/// The same short errand on many nodes at once.
package enum FleetCall {
  /// Links that are opened at once: ClusterShell's window too; each costs a key exchange of CPU.
  package static let concurrency = 64

  /// Attaches to each node and carries `body` out there.
  ///
  /// - Returns: One result a node, in the order of `nodes`.
  package static func each<Result: Sendable>(
    _ nodes: [Plan.Node], open: @escaping OpenLink, attachment: Attachment,
    body: @escaping @Sendable (NodeSession) async throws -> Result
  ) async -> [(node: Plan.Node, result: Swift.Result<Result, NodeFault>)] {
    await Self.each(nodes) { node throws(NodeFault) in
      try await NodeSession.with(node, open: open, attachment: attachment, body: body)
    }
  }

  /// Carries `visit` out for each node, ``concurrency`` at a time.
  ///
  /// - Returns: One result a node, in the order of `nodes`.
  static func each<Result: Sendable>(
    _ nodes: [Plan.Node],
    visit: @escaping @Sendable (Plan.Node) async throws(NodeFault) -> Result
  ) async -> [(node: Plan.Node, result: Swift.Result<Result, NodeFault>)] {
    await withTaskGroup(of: (Int, Swift.Result<Result, NodeFault>).self) { tasks in
      var results = [Swift.Result<Result, NodeFault>?](repeating: nil, count: nodes.count)
      var next = 0
      func startOne() {
        let index = next
        next += 1
        tasks.addTask {
          do throws(NodeFault) {
            return (index, .success(try await visit(nodes[index])))
          } catch {
            return (index, .failure(error))
          }
        }
      }
      while next < min(Self.concurrency, nodes.count) { startOne() }
      for await (index, result) in tasks {
        results[index] = result
        if next < nodes.count { startOne() }
      }
      return zip(nodes, results).compactMap { node, result in result.map { (node, $0) } }
    }
  }
}
