/// What came of one probe.
enum ProbeOutcome: Equatable, Sendable {
  case succeeded
  /// Not ready (any more); the reason in words.
  case failed(String)
  /// It will never be ready: it serves something else. The reason names both.
  case wrong(String)
}
