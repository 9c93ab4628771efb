/// Does the items of a work, one after the other.
package protocol ItemRunner: Sendable {
  /// Appends the record of an item: one line of JSON, ended by a line feed. It may wait; computing
  /// takes milliseconds at most, so that heartbeats live.
  mutating func appendRecord(ordinal: UInt64, to lines: inout [UInt8]) async throws
}
