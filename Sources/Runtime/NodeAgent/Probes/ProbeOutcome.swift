/// What a probe learns on its way.
enum ProbeNote: Equatable, Sendable {
  /// The server has named its model, and a completion has been sent.
  case completionBegan
  /// How the server was started, in its own words.
  case systemFingerprint(String)
}

/// What came of one probe.
enum ProbeOutcome: Equatable, Sendable {
  case succeeded
  /// Not ready (any more); the reason in words.
  case failed(String)
  /// It will never be ready: it serves something else. The reason names both.
  case wrong(String)
}
