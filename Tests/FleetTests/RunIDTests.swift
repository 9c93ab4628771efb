import Fleet
import Testing

struct RunIDTests {
  @Test func `an id is the start in UTC and six digits of chance`() throws {
    var generator = SplitMix64(state: 1)
    let id = RunID(milliseconds: 1_795_241_700_123, using: &generator)
    #expect(id.rawValue.hasPrefix("20261121-061500-"))
    #expect(RunID(id.rawValue) == id)
    let leapDay = RunID(milliseconds: 1_709_251_199_000, using: &generator)
    #expect(leapDay.rawValue.hasPrefix("20240229-235959-"))
    #expect(leapDay < id)
    #expect(RunID("latest") == nil)
    #expect(RunID("20261121-061500-3f9a2/") == nil)
  }
}
