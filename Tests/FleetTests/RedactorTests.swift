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
}
