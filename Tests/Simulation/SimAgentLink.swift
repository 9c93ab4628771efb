/// A link to an agent. What is sent over it arrives in order, if it arrives.
///
/// SAFETY: see ``ServiceWorld``.
final class SimAgentLink: @unchecked Sendable {
  /// After so long without an answer a link is given up: ping and its timeout.
  static let keepaliveTime: Milliseconds = 15_000

  /// Nothing arrives any more, and the coordinator does not know it yet.
  var isCut = false
  /// What is sent before arrives after.
  var holdUntil: Milliseconds = 0
  private(set) var sentAt: Milliseconds = 0
  private let loss: AsyncStream<Void>
  private let lossContinuation: AsyncStream<Void>.Continuation

  init() {
    (self.loss, self.lossContinuation) = AsyncStream.makeStream()
  }

  /// The coordinator learns that it is lost.
  func sever() {
    self.isCut = true
    self.lossContinuation.finish()
  }

  /// Returns when it is lost, or the task is cancelled.
  func lost() async { for await _ in self.loss {} }

  /// - Returns: When something that is sent now arrives.
  func arrival(of now: Milliseconds, after delay: Milliseconds) -> Milliseconds {
    self.sentAt = max(max(now, self.holdUntil) + delay, self.sentAt)
    return self.sentAt
  }
}
