/// How leases are sized and when they end.
package struct LeaseSettings: Equatable, Sendable {
  /// A node that is silent for so long loses its leases; reports come every second.
  package var timeout: Duration = .seconds(15)
  /// Work in one lease: short enough for a short tail, long against a round trip and an fsync.
  package var duration: Duration = .milliseconds(750)
  /// Items of a node's first lease, before its rate is known.
  package var firstCount: UInt64 = 16
  /// Items in one lease at most: the caps of a batch hold it with room.
  package var countMax: UInt64 = 65_536
  /// Leases a node holds at most: the one it works on, and some so that it never waits for one. More
  /// where it can have more items under way at once than these have.
  package var outstandingMax = 3
  /// Leases a node holds in any case at most: below `LeaseQueue.countMax`.
  package var heldMax = 32
  /// Items that a node has under way at once, whatever it says.
  package var concurrencyMax: UInt64 = 4096
  /// After a fault a node gets no lease for so long.
  package var faultPause: Duration = .seconds(5)
  /// Faults in a row, with no record between, after which a node gets nothing any more.
  package var faultCountMax = 10

  package init() {}
}
