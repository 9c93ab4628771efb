import Testing

@testable import NodeAgent

@Suite struct RunClaimTests {
  @Test func `the highest epoch holds the run`() {
    var claim = RunClaim()
    let (old, new) = (
      RunClaim.Holder(epoch: 1, coordinator: "a"), RunClaim.Holder(epoch: 2, coordinator: "b")
    )
    #expect(claim.mayAct(from: "x") == .notClaimed)
    #expect(claim.claim(old, from: "x") == .allowed)
    #expect(claim.mayAct(from: "x") == .allowed)
    #expect(claim.claim(new, from: "y") == .allowed)
    #expect(claim.mayAct(from: "x") == .held(by: new))
    #expect(claim.claim(old, from: "z") == .held(by: new))
    #expect(claim.claim(.init(epoch: 2, coordinator: "c"), from: "z") == .held(by: new))
    #expect(claim.claim(new, from: "z") == .allowed)
    #expect(claim.mayAct(from: "y") == .allowed)
    claim.observe(from: "y")
    #expect(claim.mayAct(from: "y") == .notClaimed)
    for link in 0..<200 { #expect(claim.claim(new, from: "link \(link)") == .allowed) }
    #expect(claim.mayAct(from: "link 199") == .allowed)
    #expect(claim.mayAct(from: "z") == .notClaimed)
  }
}
