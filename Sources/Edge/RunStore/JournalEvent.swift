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
