import Fleet
import NodeAPI
package import Plan
import Recipes
import SwiftProtobuf

extension NodeSession {
  /// Stops every replica of the node and ends its daemon.
  ///
  /// - Parameters:
  ///   - keepsRecords: Records that were not acknowledged stay on the node, for a resume.
  ///   - beforeEnd: Carried out when the replicas have been stopped: the last time to ask the daemon.
  /// - Returns: What is still there, in words; empty is the proof that nothing is.
  package func stopAndEnd(
    timeout: Duration, keepsRecords: Bool = false, beforeEnd: () async -> Void = {}
  ) async -> [String] {
    do throws(NodeFault) {
      let stopped = try await self.call("stop", timeout: timeout) { api, options in
        try await api.stop(.init(), options: options)
      }
      await beforeEnd()
      guard stopped.leftovers.isEmpty else { return stopped.leftovers }
      return try await self.call("end") { api, options in
        try await api.end(.with { $0.keepRecords = keepsRecords }, options: options)
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
