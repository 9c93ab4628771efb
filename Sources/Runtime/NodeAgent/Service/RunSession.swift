import Fleet
import NIOCore
import OperatingSystem
import Synchronization

/// What a daemon knows of its run, shared by all calls.
final class RunSession: Sendable {
  private struct State {
    var claim: RunClaim
    var plan: [UInt8]
    /// SHA-256 of the plan; empty where there is none.
    var planDigest: String
    var secrets: [String: String]
    var linkCount = 0
    var keepsRecords = true
    var keepsHolder = true
    /// Calls under way by which a coordinator works, such as a watch: it lives.
    var workingCalls: [String: Int] = [:]
  }

  let identity: AgentIdentity
  let folder: StateFolder
  let startedAtMilliseconds: Int64
  private let wallClockMilliseconds: @Sendable () -> Int64
  private let state: Mutex<State>
  /// Claims are written in the order in which they are decided.
  private let claiming = Mutex(())
  /// Rings after each claim.
  private let bell = Bell()
  private let endSignal: AsyncStream<Never>
  private let endSignalContinuation: AsyncStream<Never>.Continuation

  init(
    _ identity: AgentIdentity, state folder: StateFolder,
    wallClockMilliseconds: @escaping @Sendable () -> Int64
  ) {
    self.identity = identity
    self.folder = folder
    self.wallClockMilliseconds = wallClockMilliseconds
    self.startedAtMilliseconds = wallClockMilliseconds()
    let plan = (try? PlainFile.read(folder.plan, sizeMax: NodeLimits.planSizeMax)) ?? []
    self.state = Mutex(
      State(
        claim: RunClaim(holder: folder.readHolder()), plan: plan,
        planDigest: Self.digest(of: plan), secrets: [:]))
    (self.endSignal, self.endSignalContinuation) = AsyncStream.makeStream()
  }

  var holder: RunClaim.Holder? { self.state.withLock { $0.claim.holder } }
  var plan: [UInt8] { self.state.withLock { $0.plan } }
  var planDigest: String { self.state.withLock { $0.planDigest } }

  private static func digest(of plan: [UInt8]) -> String {
    plan.isEmpty ? "" : SHA256.hex(of: plan)
  }

  /// Whether an epoch is of a coordinator whose clock is far ahead.
  func isFarAhead(_ epoch: UInt64) -> Bool {
    let now = self.wallClockMilliseconds()
    return self.state.withLock { $0.claim.isFarAhead(epoch, at: now) }
  }

  var hasLinks: Bool { self.state.withLock { $0.linkCount > 0 } }

  /// Counts a link for as long as it is open.
  func opened(_ link: any Channel) {
    self.state.withLock { $0.linkCount += 1 }
    link.closeFuture.whenComplete { _ in self.state.withLock { $0.linkCount -= 1 } }
  }

  /// The values of the secrets named, and the names that no coordinator has handed over.
  func secrets(named names: [String]) -> (values: [String: String], missing: [String]) {
    let values = self.state.withLock { $0.secrets.filter { names.contains($0.key) } }
    return (values, names.filter { values[$0] == nil })
  }

  func observe(from address: String) {
    self.state.withLock { $0.claim.observe(from: address) }
  }

  /// Takes the run over, with the plan and the secrets that the new holder hands over.
  ///
  /// - Parameters:
  ///   - yields: Takes nothing over from a holder that is at work.
  ///   - plan: Empty: the one that is there stays.
  /// - Returns: Who holds the run, where the claim is refused.
  func claim(
    _ claimant: RunClaim.Holder, from address: String, yields: Bool = false, plan: [UInt8],
    secrets: [String: String]
  ) -> RunClaim.Holder? {
    let digest = Self.digest(of: plan)
    return self.claiming.withLock { _ in
      let refusal = self.state.withLock { state -> RunClaim.Holder? in
        if yields, let holder = state.claim.holder, holder != claimant,
          state.workingCalls.keys.contains(where: { state.claim.mayAct(from: $0).isAllowed })
        {
          return holder
        }
        if let holder = state.claim.claim(claimant, from: address) { return holder }
        if !plan.isEmpty { (state.plan, state.planDigest) = (plan, digest) }
        state.secrets.merge(secrets) { $1 }
        return nil
      }
      if refusal == nil {
        self.bell.ring()
        // Where the disk refuses, the claim holds for as long as this daemon lives: what runs on a full
        // disk can be stopped, and nothing can be started there.
        try? self.folder.write(claimant)
        if !plan.isEmpty { try? PlainFile.publish(plan, at: self.folder.plan) }
      }
      return refusal
    }
  }

  /// Carries `body` out as a sign that the coordinator at this address is at work.
  func working<Result>(
    at address: String, _ body: () async throws -> Result
  ) async rethrows -> Result {
    self.state.withLock { $0.workingCalls[address, default: 0] += 1 }
    defer {
      self.state.withLock { state in
        let rest = state.workingCalls[address, default: 1] - 1
        state.workingCalls[address] = rest == 0 ? nil : rest
      }
    }
    return try await body()
  }

  func mayAct(from address: String) -> RunClaim.ActDecision {
    self.state.withLock { $0.claim.mayAct(from: address) }
  }

  /// Returns when a newer coordinator has taken the run from this link's, or the task is cancelled.
  func superseded(at address: String) async {
    for await _ in self.bell.rings() where !self.mayAct(from: address).isAllowed { return }
  }

  /// Tells the daemon that the run is over.
  ///
  /// - Parameters:
  ///   - keepsRecords: Whether what was computed is wanted yet.
  ///   - keepsHolder: Whether a coordinator that the holder has superseded may come yet.
  func end(keepsRecords: Bool, keepsHolder: Bool) {
    self.state.withLock { ($0.keepsRecords, $0.keepsHolder) = (keepsRecords, keepsHolder) }
    self.endSignalContinuation.finish()
  }

  /// As the end said; until then they are kept.
  var keepsRecords: Bool { self.state.withLock { $0.keepsRecords } }
  var keepsHolder: Bool { self.state.withLock { $0.keepsHolder } }

  /// Returns once the run is over.
  func ended() async throws {
    for await _ in self.endSignal {}
    try Task.checkCancellation()
  }
}

/// Decides who may act on the run: the coordinator with the highest epoch, and nobody else.
///
/// Links are known by an address that no two of them share. A link may come and go; what it claimed
/// stands until a newer coordinator claims.
struct RunClaim: Sendable {
  struct Holder: Equatable, CustomStringConvertible, Sendable {
    /// Milliseconds of the epoch at the coordinator's start.
    var epoch: UInt64
    /// For people: user@host and process id.
    var coordinator: String

    var description: String { "\(self.coordinator) (epoch \(self.epoch))" }
  }

  enum ActDecision: Equatable {
    case allowed(Holder)
    /// The link has claimed nothing: it observes, or has not attached.
    case notClaimed
    case superseded(holder: Holder)

    var isAllowed: Bool { if case .allowed = self { true } else { false } }
  }

  /// An epoch further ahead of this node's clock is refused: once it held the run, nobody could take it
  /// over for as long. A day is more than clocks differ by that run at all.
  private static let aheadMillisecondsMax: UInt64 = 24 * 3600 * 1000

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

  /// Whether a claimant's epoch is far ahead of this node's clock. The next one after the holder's never
  /// is: so a run is taken over from a coordinator whose clock was ahead.
  ///
  /// - Parameter now: Since 1970.
  func isFarAhead(_ epoch: UInt64, at now: Int64) -> Bool {
    let bound = UInt64(max(0, now)) + Self.aheadMillisecondsMax
    guard epoch > bound else { return false }
    return self.holder.map { epoch - 1 > $0.epoch } ?? true
  }

  /// A claim over this link, should there be one, is given back by it; the run stays held.
  mutating func observe(from address: String) {
    self.links.removeAll { $0.address == address }
  }

  func mayAct(from address: String) -> ActDecision {
    guard let link = self.links.last(where: { $0.address == address }) else { return .notClaimed }
    if let holder = self.holder, holder != link.claimant { return .superseded(holder: holder) }
    return .allowed(link.claimant)
  }
}
