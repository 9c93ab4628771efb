import NIOCore
import NIOPosix
import Testing

@testable import NodeAgent

@Suite struct RunClaimTests {
  @Test func `the highest epoch holds the run`() {
    var claim = RunClaim()
    let (old, new) = (
      RunClaim.Holder(epoch: 1, coordinator: "a"), RunClaim.Holder(epoch: 2, coordinator: "b")
    )
    #expect(claim.mayAct(from: "x") == .notClaimed)
    #expect(claim.claim(old, from: "x") == nil)
    #expect(claim.mayAct(from: "x") == .allowed(old))
    #expect(claim.claim(new, from: "y") == nil)
    #expect(claim.mayAct(from: "x") == .superseded(holder: new))
    #expect(claim.claim(old, from: "z") == new)
    #expect(claim.claim(.init(epoch: 2, coordinator: "c"), from: "z") == new)
    #expect(claim.claim(new, from: "z") == nil)
    #expect(claim.mayAct(from: "y") == .allowed(new))
    claim.observe(from: "y")
    #expect(claim.mayAct(from: "y") == .notClaimed)
    for link in 0..<200 { #expect(claim.claim(new, from: "link \(link)") == nil) }
    #expect(claim.mayAct(from: "link 199") == .allowed(new))
    #expect(claim.mayAct(from: "z") == .notClaimed)
  }

  @Test func `an epoch far ahead of the node's clock is none, but for the next after its holder's`()
  {
    let (now, day): (Int64, UInt64) = (1_795_241_700_000, 24 * 3600 * 1000)
    var claim = RunClaim()
    #expect(!claim.isFarAhead(UInt64(now), at: now) && !claim.isFarAhead(1, at: now))
    #expect(!claim.isFarAhead(UInt64(now) + day, at: now))
    #expect(claim.isFarAhead(UInt64(now) + day + 1, at: now))
    #expect(claim.isFarAhead(.max, at: now) && claim.isFarAhead(.max, at: -1))
    // It came when there was no bound, or the node's clock was set back.
    let holder = RunClaim.Holder(epoch: UInt64(now) + 9 * day, coordinator: "a")
    #expect(claim.claim(holder, from: "x") == nil)
    #expect(!claim.isFarAhead(holder.epoch, at: now), "it comes again over another link")
    #expect(!claim.isFarAhead(holder.epoch + 1, at: now))
    #expect(claim.isFarAhead(holder.epoch + 2, at: now))
  }

  @Test func `a daemon ends once nobody has needed it for five minutes`() {
    let start = ContinuousClock.now
    var idleness = DaemonIdleness(at: start)
    func looked(_ seconds: Int, isNeeded: Bool) -> Bool {
      idleness.looked(isNeeded: isNeeded, at: start.advanced(by: .seconds(seconds)))
    }
    #expect(!looked(290, isNeeded: false))
    #expect(!looked(10_000, isNeeded: true))
    #expect(!looked(10_290, isNeeded: false))
    #expect(!looked(10_295, isNeeded: true))
    #expect(!looked(10_590, isNeeded: false))
    #expect(looked(10_600, isNeeded: false))
  }

  @Test func `a link counts while it is open`() async throws {
    let identity = try AgentIdentity(run: "none", node: "n1")
    let state = try StateFolder(for: identity, environment: ["HOME": "/nowhere"])
    let session = RunSession(identity, state: state, wallClockMilliseconds: { 0 })
    var links: [any Channel] = []
    for _ in 0..<2 {
      let bootstrap = DatagramBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      links.append(try await bootstrap.bind(host: "127.0.0.1", port: 0).get())
    }
    #expect(!session.hasLinks)
    for link in links { session.opened(link) }
    try await links[0].close()
    #expect(session.hasLinks)
    try await links[1].close()
    try await eventually { !session.hasLinks }
  }
}
