/// What is new of the processes and the log of a replica since the last look.
package struct ReplicaSight: Equatable, Sendable {
  package var logLines: [String] = []
  /// Said once.
  package var end: ProcessEnd?
  /// With the end: a process of it that had ended shortly before, in words.
  package var lost = ""
  /// Nothing of it is left but this; only while it is being ended.
  package var cleared: ReplicaRemains?

  package init() {}
}

/// What there is yet of a replica, in words.
package struct ReplicaRemains: Equatable, Sendable {
  /// Empty is the proof that nothing is left.
  package var leftovers: [String] = []
  /// Others' processes in places of ours, such as a port: nothing is to be done about them.
  package var foreign: [String] = []

  package init(leftovers: [String] = [], foreign: [String] = []) {
    self.leftovers = leftovers
    self.foreign = foreign
  }
}

/// What came of one probe.
package enum ProbeOutcome: Equatable, Sendable {
  case succeeded
  /// Not ready (any more); the reason in words.
  case failed(String)
  /// It will never be ready: it serves something else. The reason names both.
  case wrong(String)
}

/// What a probe learns on its way.
package enum ProbeNote: Equatable, Sendable {
  /// The server has named its model, and a completion has been sent.
  case completionBegan
  /// How the server was started, in its own words.
  case systemFingerprint(String)
}
