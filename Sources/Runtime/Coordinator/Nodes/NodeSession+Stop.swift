import Fleet
import Launch
import NodeAPI
package import Plan
import Recipes
import SwiftProtobuf

/// What there is yet on a node where a run was, in words.
package struct NodeRemains: Equatable, Sendable {
  /// Empty is the proof that nothing is left.
  package var leftovers: [String]
  /// Others' processes in places of ours, such as a port: nothing is to be done about them.
  package var foreign: [String] = []

  package init(leftovers: [String], foreign: [String] = []) {
    self.leftovers = leftovers
    self.foreign = foreign
  }
}

extension NodeSession {
  /// Stops every replica of the node and ends its daemon.
  ///
  /// - Parameters:
  ///   - keepsRecords: Records that were not acknowledged stay on the node, for a resume.
  ///   - beforeEnd: Carried out when the replicas have been stopped: the last time to ask the daemon.
  package func stopAndEnd(
    timeout: Duration, keepsRecords: Bool = false, beforeEnd: () async -> Void = {}
  ) async -> NodeRemains {
    do throws(NodeFault) {
      return try await self.stoppedAndEnded(
        timeout: timeout, keepsRecords: keepsRecords, beforeEnd: beforeEnd)
    } catch {
      return NodeRemains(leftovers: [error.diagnostic.summary] + error.diagnostic.causes)
    }
  }

  /// The same, for one who tries again where it could not be told.
  func stoppedAndEnded(
    timeout: Duration, keepsRecords: Bool, beforeEnd: () async -> Void
  ) async throws(NodeFault) -> NodeRemains {
    let stopped = try await self.call("stop", timeout: timeout) { api, options in
      try await api.stop(.init(), options: options)
    }
    await beforeEnd()
    var remains = NodeRemains(leftovers: stopped.leftovers, foreign: stopped.foreign)
    guard remains.leftovers.isEmpty else { return remains }
    remains.leftovers = try await self.call("end") { api, options in
      try await api.end(.with { $0.keepRecords = keepsRecords }, options: options)
    }.leftovers
    return remains
  }
}

extension Plan {
  /// Longer than any replica's grace, the KILL after it and the proof that it is gone.
  package var stopTimeout: Duration {
    let grace = self.services.flatMap { $0.replicas.map(\.launch.stopGraceSeconds) }.max() ?? 0
    return .seconds(grace + 30)
  }
}
