/// Decides who may act on the run: the coordinator with the highest epoch, and nobody else.
///
/// Links are known by an address that no two of them share. A link may come and go; what it claimed
/// stands until a newer coordinator claims.
struct RunClaim: Sendable {
  struct Holder: Equatable, Sendable {
    /// Milliseconds of the epoch at the coordinator's start.
    var epoch: UInt64
    /// For people: user@host and process id.
    var coordinator: String
  }

  enum ActDecision: Equatable {
    case allowed
    /// The link has claimed nothing: it observes, or has not attached.
    case notClaimed
    case superseded(holder: Holder)
  }

  private(set) var holder: Holder?
  /// In the order of their claims, so that the oldest is forgotten first.
  private var links: [(address: String, claimant: Holder)] = []

  /// - Parameter holder: Who held the run when the daemon before this one ended.
  init(holder: Holder? = nil) {
    self.holder = holder
  }

  /// The same coordinator may claim again, over the same link or another.
  ///
  /// - Returns: Who holds the run, where the claim is refused.
  mutating func claim(_ claimant: Holder, from address: String) -> Holder? {
    if let holder = self.holder, holder != claimant, claimant.epoch <= holder.epoch {
      return holder
    }
    self.holder = claimant
    self.links.removeAll { $0.address == address }
    if self.links.count >= NodeLimits.linkCountMax { self.links.removeFirst() }
    self.links.append((address, claimant))
    return nil
  }

  /// A claim over this link, should there be one, is given back by it; the run stays held.
  mutating func observe(from address: String) {
    self.links.removeAll { $0.address == address }
  }

  func mayAct(from address: String) -> ActDecision {
    guard let link = self.links.last(where: { $0.address == address }) else { return .notClaimed }
    if let holder = self.holder, holder != link.claimant { return .superseded(holder: holder) }
    return .allowed
  }
}
