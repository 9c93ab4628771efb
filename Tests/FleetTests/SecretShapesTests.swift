import Fleet
import Testing

struct SecretShapesTests {
  /// The secret's part of each text stands between `<` and `>`.
  @Test(arguments: [
    "Authorization: Bearer <abc.def-123>", "proxy-authorization: Basic <dXNlcjpwYXNz>",
    #"{"Authorization": "Basic <dXNlcjpwYXNz>"}"#,
    "token <hf_abcdefgh12345> here", "<sk-abcdefgh1234>",
    "<AKIAABCDEFGH1234>", "HF_TOKEN=<x>", "export wandb_api_key='<a b>'",
    #"{"env":"MY_PASSWORD=<p>","x":1}"#, "A_SECRET=\"<s t>\" next",
    "postgres://me:<pass>@db/x", "git clone ssh://me:<p:q>@example.com", "KEY=<v>",
    "serve --api-key <k> --port 1", "--hf-token '<a b>' x", "x --api-key=<k> y",
    #"["serve","--api-key","<k-1>","--port"]"#, #"["--hf-token", "<k>"]"#,
    #"{"api_key": "<k>", "x": 1}"#, "args: {'model_tag': 'tiny', 'api_key': ['<k>'], 'port': 1}",
    #"{"password":"<p>"}"#, #"{"api_key": "<a\"b\\>", "x": "y"}"#, #"--api-key "<a\" b>" x"#,
    #"{"log":"{\"api_key\": \"<a\\\"b\\\\>\", \"x\": 1}"}"#,
    #"{"log":"'{\"a\": \"{\\\"password\\\":\\\"<p q>\\\"}\"}"}"#,
    "args: {'api_key': ['<k-1', 'k-2>'], 'port': 1}",
  ])
  func `what has the shape of a secret is taken out`(text: String) throws {
    let open = try #require(text.firstIndex(of: "<"))
    let close = try #require(text.lastIndex(of: ">"))
    let plain = text.filter { $0 != "<" && $0 != ">" }
    let expected = text[..<open] + SecretShapes.mark + text[text.index(after: close)...]
    #expect(SecretShapes.redact(plain) == expected)
  }

  @Test(arguments: [
    "a line of a log", "risk-averse tasks", "ssh://me@example.com:8000/v1", "monkey=1",
    "node gpu01: user me", "sk-1", "HF_TOKEN=", "bearer", "12:30:01 a@b", "",
    "--api-key --port 1", "--api-key", #"["--api-key"]"#, #"{"key": "policy/0"}"#,
    #"{"max_tokens": "5", "api_key": null}"#, "--tokenizer x", "--monkey v",
    "Basic usage follows",
  ])
  func `everything else stays`(text: String) {
    #expect(SecretShapes.redact(text) == text)
  }

  @Test func `an option that names a secret has all the values behind it`() {
    let arguments = [
      "serve", "--api-key", "k1", "k2", "--port", "1", "--hf_token=t", "--seed", "k",
    ]
    #expect(
      SecretShapes.values(in: arguments).map { "\($0.option) \($0.value)" } == [
        "--api-key k1", "--api-key k2", "--hf_token t",
      ])
    #expect(
      SecretShapes.redact(arguments: arguments) == [
        "serve", "--api-key", "[secret]", "[secret]", "--port", "1", "--hf_token=[secret]",
        "--seed", "k",
      ])
    #expect(SecretShapes.redact(arguments: ["--api-key=a,b;c d"]) == ["--api-key=[secret]"])
    #expect(SecretShapes.values(in: ["--api-key", "--api-key=", "--key"]).isEmpty)
  }

  @Test(arguments: [
    ("HF_TOKEN", "hf_x", true), ("HF_TOKEN", "", false), ("OPENAI_API_KEY", "EMPTY", false),
    ("SSL_KEY", "/etc/key", false), ("PATH", "x", false),
  ])
  func `a variable without a key holds none`(name: String, value: String, isSecret: Bool) {
    #expect(SecretShapes.isSecret(variable: name, value: value) == isSecret)
  }

  @Test func `a variable's name says whether its value is a secret`() {
    #expect(["HF_TOKEN", "api_key", "SECRET"].allSatisfy(SecretShapes.isSecret(variable:)))
    #expect(!["TOKENS", "MONKEY", "KEYS", "PATH", ""].contains(where: SecretShapes.isSecret))
  }
}
