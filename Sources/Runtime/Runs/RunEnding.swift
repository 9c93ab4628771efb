package import Coordinator
package import Fleet

/// What stopping a run has come to.
package struct RunEnding: Equatable, Sendable {
  /// Others' processes in places of ours, about which nothing is to be done, in words.
  package var foreign: [String] = []
  /// Of each node where something of the run is left.
  package var leftovers: [Diagnostic] = []
  /// Of nodes that do not answer.
  package var faults: [NodeFault] = []

  /// Nothing of the run is left anywhere.
  package var isProven: Bool { self.leftovers.isEmpty && self.faults.isEmpty }
}
