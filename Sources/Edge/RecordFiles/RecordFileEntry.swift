package import Rollouts

/// Where one batch lies in a record file: what merging needs to know before it reads any record.
package struct RecordFileEntry: Equatable, Sendable {
  package var header: BatchHeader
  /// Offset of its lines in the file, in bytes.
  package var offset: Int
  /// Size of its lines in bytes.
  package var size: Int
  /// Offset of its frame's header.
  package var frameOffset: Int
}

/// What opening a record file found wrong with it, and what was done about it.
package struct RecordFileRecovery: Equatable, Sendable {
  /// Size of the unfinished frame at the end that was cut off, in bytes; 0: none.
  package var tornSize = 0
  /// The file with all that followed the first wrong byte, and why; the wrong part starts at
  /// `offset` of the record file.
  package var corrupt: Corrupt?

  package struct Corrupt: Equatable, Sendable {
    package var reason: String
    package var offset: Int
    package var size: Int
    /// Where those bytes are kept, for a person.
    package var path: String
  }

  package init() {}
}
