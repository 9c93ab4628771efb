import Fleet
import Testing

struct YAMLQuotingTests {
  @Test func `what YAML would read otherwise is escaped`() {
    #expect(YAMLQuoting.quote("a") == "\"a\"")
    #expect(YAMLQuoting.quote("a\"b\\c") == #""a\"b\\c""#)
    #expect(YAMLQuoting.quote("\n\t\u{0}\u{85}\u{2028}") == #""\n\t\x00\x85\u2028""#)
  }
}
