import GRDB

/// The events of a run, in SQLite: an event that was appended survives the end of the process and of
/// the machine, so that it may be acted on. Its calls block for one sync of the disk.
///
/// WAL with `synchronous = FULL`: each commit is synced (sqlite.org/pragma.html#pragma_synchronous).
package final class Journal: Sendable {
  private let path: String
  private let queue: DatabaseQueue

  /// Opens or creates the journal; a killed process leaves it readable at any instant.
  package init(path: String) throws(RunStoreError) {
    self.path = path
    var configuration = Configuration()
    // A reader such as `muster report` waits for a commit, but not for ever.
    configuration.busyMode = .timeout(5)
    configuration.prepareDatabase { database in
      try database.execute(sql: "PRAGMA journal_mode = WAL")
      try database.execute(sql: "PRAGMA synchronous = FULL")
    }
    self.queue = try Self.checked(path) {
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      try queue.write { database in
        try database.execute(
          sql: """
            CREATE TABLE IF NOT EXISTS event (
              id INTEGER PRIMARY KEY, milliseconds INTEGER NOT NULL, kind TEXT NOT NULL,
              subject TEXT NOT NULL, detail TEXT NOT NULL) STRICT;
            CREATE INDEX IF NOT EXISTS event_kind ON event (kind, id);
            """)
      }
      return queue
    }
  }

  /// Appends events in one transaction: all of them or none.
  package func append(_ events: [JournalEvent]) throws(RunStoreError) {
    try Self.checked(self.path) {
      try self.queue.write { database in
        let statement = try database.cachedStatement(
          sql: "INSERT INTO event (milliseconds, kind, subject, detail) VALUES (?, ?, ?, ?)")
        for event in events {
          try statement.execute(arguments: [
            event.milliseconds, event.kind, event.subject, event.detail,
          ])
        }
      }
    }
  }

  /// The events, or those of one kind, in the order in which they were appended.
  package func events(kind: String? = nil) throws(RunStoreError) -> [JournalEvent] {
    try Self.checked(self.path) {
      try self.queue.read { database in
        try Row.fetchAll(
          database,
          sql: """
            SELECT milliseconds, kind, subject, detail FROM event
            \(kind == nil ? "" : "WHERE kind = ?") ORDER BY id
            """, arguments: StatementArguments(kind.map { [$0] } ?? [])
        ).map { row in
          JournalEvent(milliseconds: row[0], kind: row[1], subject: row[2], detail: row[3])
        }
      }
    }
  }

  private static func checked<Result>(
    _ path: String, _ body: () throws -> Result
  ) throws(RunStoreError) -> Result {
    do { return try body() } catch { throw .journal(path: path, reason: "\(error)") }
  }
}

/// Something that is about to be acted on, or was learnt.
package struct JournalEvent: Equatable, Sendable {
  /// Since 1970 in UTC.
  package var milliseconds: Int64
  /// Past tense for what happened, imperative for what is done next: `leased`, `start replica`.
  package var kind: String
  /// What it is about: a node, a replica, a lease.
  package var subject: String
  /// One JSON object.
  package var detail: String

  package init(milliseconds: Int64, kind: String, subject: String, detail: String = "{}") {
    self.milliseconds = milliseconds
    self.kind = kind
    self.subject = subject
    self.detail = detail
  }
}
