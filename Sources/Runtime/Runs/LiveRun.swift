import Fleet
package import Plan
package import RunStore
import Synchronization

/// A run on disk with its plan and journal. Where the journal cannot be opened, as on a full disk, what
/// runs can still be seen and stopped: then only what needs the journal fails.
package final class LiveRun: Sendable {
  package let directory: RunDirectory
  package let plan: Plan
  package let surroundings: Surroundings
  private let journal: Result<Journal, RunStoreError>
  private let hasComplained = Mutex(false)
  private let redactor: Redactor
  private let lock = Mutex<RunLock?>(nil)

  package init(_ directory: RunDirectory, _ surroundings: Surroundings) throws(RunFault) {
    self.directory = directory
    self.surroundings = surroundings
    self.plan = try RunFault.storing { try Plan(json: try directory.plan()) }
    self.journal = Result { () throws(RunStoreError) in try Journal(path: directory.journalPath) }
    self.redactor = Redactor(
      self.plan.secrets.compactMap { name in
        surroundings.variable(name).map { (name: name, value: $0) }
      })
  }

  package var id: String { self.directory.id.rawValue }

  /// Keeps it from other processes that would work on it or remove it, as long as this value lives.
  func hold() throws(RunFault) {
    try RunFault.storing {
      try self.lock.withLock {
        $0 = try RunLock(self.directory, holder: self.surroundings.coordinator)
      }
    }
  }

  /// Its folder on this machine.
  package var path: String { self.directory.path }

  /// Nothing of it is left to do, or on a node.
  package var isFinished: Bool { self.directory.isFinished }

  /// `text` without the values of the plan's secrets, as far as this process knows them, and without
  /// what has the shape of one.
  package func redact(_ text: String) -> String {
    SecretShapes.redact(self.redactor.redact(text))
  }

  /// Writes an event; one that cannot be written is told, and the run goes on.
  package func record(_ kind: String, _ subject: String, _ detail: String = "{}") {
    self.record([
      JournalEvent(
        milliseconds: self.surroundings.milliseconds(), kind: kind, subject: subject,
        detail: detail)
    ])
  }

  /// Writes events together, with one sync of the disk.
  package func record(_ events: [JournalEvent]) {
    guard !events.isEmpty else { return }
    do {
      try self.journal.get().append(events)
    } catch {
      let isFirst = self.hasComplained.withLock { hasComplained in
        defer { hasComplained = true }
        return !hasComplained
      }
      if isFirst { self.surroundings.tell(error.diagnostic) }
    }
  }

  /// Before anything is started: a launch that nobody can read of later is none.
  package func requireJournal() throws(RunFault) {
    _ = try RunFault.storing { try self.journal.get() }
  }

  /// All events, or those of one kind, oldest first.
  package func events(kind: String? = nil) throws(RunFault) -> [JournalEvent] {
    try RunFault.storing { try self.journal.get().events(kind: kind) }
  }

  /// The run is over: nothing of it is left.
  package func end() {
    self.record("ended", self.id)
    do {
      try self.directory.markFinished()
    } catch {
      self.surroundings.tell(error.diagnostic)
    }
  }
}
