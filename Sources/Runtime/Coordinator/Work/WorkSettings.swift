package import Rollouts

/// Waits and bounds of a ``WorkDispatcher``.
package struct WorkSettings: Sendable {
  package var lease = LeaseSettings()
  /// Between two looks at the time: expiry, progress.
  package var tick: Duration = .milliseconds(250)
  /// Between two attempts to open a stream.
  package var link = LinkMachine.Settings.work
  /// With no stream open for so long, the work ends incomplete.
  package var unreachableTimeout: Duration = .seconds(120)
  /// After the last record: time for nodes to hear that it is stored.
  package var drainTimeout: Duration = .seconds(2)
  /// Bytes of a node's records that wait for the disk; beyond, its stream is not read.
  package var pendingSizeMax = 4 << 20
  /// Damaged batches in a row, each ending its stream, before a node is cut off.
  package var damageCountMax = 3

  package init() {}
}
