/// Quoting for a POSIX shell.
package enum ShellQuoting {
  /// `word` as one word of a shell's command line; unchanged where nothing in it is special.
  package static func quote(_ word: String) -> String {
    let isPlain = word.utf8.allSatisfy { $0.isWord || "-./:=,@+%".utf8.contains($0) }
    return isPlain && !word.isEmpty ? word : "'\(word.replacing("'", with: "'\\''"))'"
  }

  /// The words as one command line.
  package static func join(_ words: [String]) -> String {
    words.map(Self.quote).joined(separator: " ")
  }
}
