import Fleet
import Testing

@testable import NodeAgent

@Suite struct JSONValueTests {
  @Test(arguments: [
    (#" {"a":[1,-2.5e3,true,false,null],"b":{"c":"d"}} "#, true), (#""\ud83d\ude00\n""#, true),
    ("[]", true), ("{}", true), ("", false), ("{", false), (#"{"a"}"#, false), ("[1,,]", false),
    ("nul", false), (#""\q""#, false), (#""open"#, false), ("1 2", false),
    (String(repeating: "[", count: 100_000), false),
  ])
  func `JSON is read or refused, and never traps`(text: String, isFine: Bool) {
    #expect((JSONValue(parsing: Array(text.utf8)) != nil) == isFine)
    for count in stride(from: 0, to: min(text.utf8.count, 64), by: 1) {
      _ = JSONValue(parsing: Array(text.utf8.prefix(count)))
    }
  }

  @Test func `a JSON string keeps every character`() {
    let text = "a\"b\\c\n\u{1}é😀"
    #expect(JSONValue(parsing: Array(JSONText.quoted(text).utf8)) == .string(text))
    #expect(JSONValue(parsing: Array(#""\ud83d\ude00""#.utf8)) == .string("😀"))
  }
}
