import Fleet
import Launch
import Plan
import Runs
import Testing

/// What nodes say of runs, put together.
struct RunsOnNodesTests {
  private static func id(_ milliseconds: Int64) -> RunID {
    var random = SplitMix64(state: UInt64(milliseconds))
    return RunID(milliseconds: milliseconds, using: &random)
  }

  @Test func `a run is taken where all that know one know the same`() throws {
    let id = Self.id(5_000)
    let found = RunsOnNodes([("n1", [id]), ("n2", []), ("n3", [id, id])])
    let agreed = try found.agreed()
    #expect(agreed?.id == id && agreed?.nodes == ["n1", "n3"])
    #expect(try RunsOnNodes([("n1", []), ("n2", [])]).agreed() == nil)
    #expect(try RunsOnNodes([]).agreed() == nil)
  }

  @Test func `no node's word decides: several runs are listed with their nodes`() {
    let (old, new) = (Self.id(5_000), Self.id(9_000))
    let found = RunsOnNodes([("n1", [old]), ("n2", [new, old]), ("n3", [old])])
    #expect(found.runs.map(\.id) == [new, old])
    let fault = #expect(throws: RunFault.self) { try found.agreed() }
    #expect(fault?.cause == .request)
    #expect(fault?.diagnostics.map(\.code) == ["several-runs"])
    #expect(fault?.diagnostics.first?.causes == ["run \(new) on n2", "run \(old) on n[1-3]"])
  }
}
