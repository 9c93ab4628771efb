import Fleet
import Testing

@Suite struct ShellQuotingTests {
  @Test(arguments: [
    ("plain", "plain"), ("a/b-c_d.e:f=g,h@i+j%k", "a/b-c_d.e:f=g,h@i+j%k"), ("", "''"),
    ("two words", "'two words'"), ("it's", "'it'\\''s'"), ("$HOME", "'$HOME'"), ("~", "'~'"),
    ("ü", "'ü'"),
  ])
  func `a word is quoted only where it must be`(word: String, quoted: String) {
    #expect(ShellQuoting.quote(word) == quoted)
  }

  @Test(
    arguments: [
      ("a b", ["a", "b"]), ("  a\t\n b  ", ["a", "b"]), ("", []), ("a 'b c' d", ["a", "b c", "d"]),
      ("--x='b c' --y=\"d\"", ["--x=b c", "--y=d"]), ("'' a", ["", "a"]), ("'{a' b", ["{a", "b"]),
      ("a \\\n b", ["a", "b"]), ("{a}", ["{a}"]), ("it's", nil), ("'a", nil), ("{\"a\": 1}", nil),
      ("{a: 1}", nil), ("a = b", nil), ("a 'b'c", nil),
    ] as [(String, [String]?)])
  func `a line is parted where a shell and a reader agree`(line: String, words: [String]?) {
    #expect(ShellQuoting.split(line) == words)
  }

  @Test func `the shell gives back every word`() throws {
    var random = SplitMix64(state: 3)
    let alphabet = Array("ab'\"\\$`!*?[]{}()<>|&;~#=% \t\n-/é")
    var words = ["", "'", "''", "-n", "\n", "a'b", "$(id)", "`id`", "\\", "*"]
    for _ in 0..<200 {
      let letters = (0..<Int.random(in: 0...12, using: &random)).map { _ in
        alphabet.randomElement(using: &random) ?? "a"
      }
      words.append(String(letters))
    }
    let script = "for word in \(ShellQuoting.join(words)); do printf '%s\\0' \"$word\"; done"
    let (status, output) = try ClusterShellPeer.run("/bin/sh", ["-c", script], input: "")
    #expect(status == 0)
    let back = output.split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
    #expect(back.dropLast() == words[...])
  }
}
