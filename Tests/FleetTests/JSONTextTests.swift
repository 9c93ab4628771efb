import Fleet
import Testing

@Suite struct JSONTextTests {
  private let value = JSONText.object([
    ("b", .array([.integer(1), .number(0.5), .null])), ("a", .object([JSONText.Member]())),
    ("c", .object([("x", .bool(true))])), ("d", .array([])),
  ])

  @Test func `keys stay in their order`() {
    #expect(self.value.text == #"{"b":[1,0.5,null],"a":{},"c":{"x":true},"d":[]}"#)
  }

  @Test func `the pretty form has a line for each element`() {
    #expect(
      self.value.pretty == """
        {
          "b": [
            1,
            0.5,
            null
          ],
          "a": {},
          "c": {
            "x": true
          },
          "d": []
        }
        """)
  }

  @Test(arguments: [
    ("", #""""#), ("a\"\\", #""a\"\\""#), ("\n\r\t\0\u{1B}\u{7F}", #""\n\r\t\u0000\u001b\u007f""#),
    ("ü日🚀", "\"ü日🚀\""), ("\r\n", #""\r\n""#),
  ])
  func `strings are escaped`(text: String, json: String) {
    #expect(JSONText.quoted(text) == json)
  }

  @Test func `numbers that JSON has not are null`() {
    #expect(
      JSONText.array([.number(.nan), .number(.infinity), .number(1e300)]).text
        == "[null,null,1e+300]")
  }
}
