import Fleet
import NodeAPI
package import Plan
import Recipes

extension NodeSession {
  /// Stops every replica of the node and ends its daemon.
  ///
  /// - Returns: What is still there, in words; empty is the proof that nothing is.
  package func stopAndEnd(timeout: Duration) async -> [String] {
    do throws(NodeFault) {
      let stopped = try await self.call("stop", timeout: timeout) { api, options in
        try await api.stop(.init(), options: options)
      }
      guard stopped.leftovers.isEmpty else { return stopped.leftovers }
      return try await self.call("end") { api, options in
        try await api.end(.init(), options: options)
      }.leftovers
    } catch {
      return [error.diagnostic.summary] + error.diagnostic.causes
    }
  }
}

extension Plan {
  /// Longer than any replica's grace, the KILL after it and the proof that it is gone.
  package var stopTimeout: Duration {
    let grace = self.services.flatMap { $0.replicas.map(\.launch.stopGraceSeconds) }.max() ?? 0
    return .seconds(grace + 30)
  }
}
