import Fleet
import Testing

@Suite struct RedactorTests {
  @Test func `a value is replaced wherever it stands`() {
    let redactor = Redactor([("HF_TOKEN", "hf_abc"), ("KEY", "s3cret")])
    #expect(
      redactor.redact("hf_abc: --key=s3crets3cret, hf_ab")
        == "[secret HF_TOKEN]: --key=[secret KEY][secret KEY], hf_ab")
    #expect(redactor.redact("") == "")
    #expect(redactor.redact("hf_abc") == "[secret HF_TOKEN]")
  }

  @Test func `the longer of two values that begin alike wins`() {
    let redactor = Redactor([("A", "abcd"), ("B", "abcdef"), ("C", "abcd")])
    #expect(redactor.redact("abcdef abcd") == "[secret B] [secret A]")
  }

  @Test func `values that are too short are left alone`() {
    #expect(Redactor([("A", "abc"), ("B", "")]).redact("abc abc") == "abc abc")
  }

  @Test func `values that are not ASCII are found`() {
    #expect(Redactor([("A", "pässwörd")]).redact("x=pässwörd;") == "x=[secret A];")
  }

  @Test(arguments: [
    #""{"key":"a\"b\\c'd/é e"}""#, #"{\"log\":\"a\\\"b\\\\c'd/é e\"}"#,
    #"{"key":"a\"b\\c'd/\u00e9 e"}"#, #"'a"b\\c\'d/é e'"#, #"'a"b\c'\''d/é e'"#,
    "http://127.0.0.1/?key=a%22b%5Cc%27d%2F%C3%A9%20e&n=1", "a%22b%5cc%27d%2f%c3%a9%20e",
  ])
  func `a value is found however it is quoted`(text: String) {
    let redacted = Redactor([("KEY", #"a"b\c'd/é e"#)]).redact(text)
    #expect(redacted.contains("[secret KEY]"), "\(redacted)")
    #expect(!redacted.contains("b\\") && !redacted.contains("b%5"), "\(redacted)")
  }
}
