import Fleet
import Manifest

/// What a manifest adds to the arguments that a recipe makes, for a program that reads them as Python's
/// `argparse` does: `--flag value` and `--flag=value`, `_` for `-` in the names of flags, and the beginning
/// of a name for all of it.
struct ExtraArguments: Equatable {
  /// As they are written, but for flags of ``splitting``.
  let words: [String]

  /// - Parameter splitting: Flags whose value is made an argument of its own, to be pointed to.
  init(_ words: [String], splitting flags: [String] = []) {
    self.words = words.flatMap { word -> [String] in
      guard let equals = word.firstIndex(of: "="), Self.isAny(of: flags, word) else {
        return [word]
      }
      return [String(word[..<equals]), String(word[word.index(after: equals)...])]
    }
  }

  /// Whether a flag with its value has another behind it: `--a=1 --b`.
  private static func hasSecondFlag(_ word: String) -> Bool {
    let words = ShellQuoting.split(word) ?? []
    return words.dropFirst().contains {
      $0.hasPrefix("--") && $0.dropFirst(2).first?.isLetter == true
    }
  }

  /// The name of the flag in an argument, with `-` between its words.
  private static func name(in argument: String) -> String {
    let name = String(argument.prefix { $0 != "=" })
    return name.hasPrefix("--") ? name.replacing("_", with: "-") : name
  }

  /// Whether an argument may be read as one of the flags, by its name or a beginning of that.
  private static func isAny(of flags: [String], _ argument: String) -> Bool {
    let name = Self.name(in: argument)
    return name.hasPrefix("-") && name != "-" && name != "--"
      && flags.contains { $0.hasPrefix(name) }
  }

  func has(_ flag: String) -> Bool { self.words.contains { Self.isAny(of: [flag], $0) } }

  /// What one of the flags gives, the last of several; `nil` where none is there or has a value.
  func value(of flags: [String]) -> String? {
    for (index, word) in self.words.enumerated().reversed() where Self.isAny(of: flags, word) {
      if let equals = word.firstIndex(of: "=") { return String(word[word.index(after: equals)...]) }
      if index + 1 < self.words.count { return self.words[index + 1] }
    }
    return nil
  }

  /// All that a flag of several values gives, the last of several; empty where it is not there.
  func values(of flag: String) -> [String] {
    guard let place = self.words.lastIndex(where: { Self.isAny(of: [flag], $0) }) else { return [] }
    let word = self.words[place]
    if let equals = word.firstIndex(of: "=") { return [String(word[word.index(after: equals)...])] }
    return Array(self.words[(place + 1)...].prefix { !$0.hasPrefix("-") })
  }

  /// Where the argument after the last of a flag stands; `nil` where there is none.
  func place(afterLast flag: String) -> Int? {
    self.words.dropLast().lastIndex { Self.isAny(of: [flag], $0) }.map { $0 + 1 }
  }

  /// A size that one of the flags gives, 1 to 64; 1 where none does.
  func size(_ flags: String...) -> Int {
    min(max(self.value(of: flags).flatMap { Int($0) } ?? 1, 1), 64)
  }

  /// Tells of arguments that cannot be: those with which no canary gets an answer, so that the replica
  /// would never be ready, and those that a setting gives, under a spelling of `spellings`.
  func check(
    own: [String], spellings: [[String]], unaskable: [(flag: String, reason: String)],
    keyVariable: String, at place: SourceLocation, faults: inout ManifestFaults
  ) {
    for option in Set(SecretShapes.values(in: self.words).map(\.option)).sorted() {
      let isKey = Self.isAny(of: ["--api-key"], option)
      faults.add(
        Diagnostic(
          .warning, code: "secret-argument",
          "`extra_args` has the value of `\(option)`: every user of the node can read it, and it is "
            + "written down", at: place,
          hints: isKey
            ? ["write `secrets: [\(keyVariable)]`, and set it where you run `muster`"]
            : ["hand it over by a variable that `secrets` names"]))
    }
    for word in self.words where word.hasPrefix("-") && Self.hasSecondFlag(word) {
      faults.add(
        Diagnostic(
          .warning, code: "one-word", "`extra_args` has several flags in one entry",
          at: place, causes: ["`\(word.prefix(80))`"], hints: ["write each as an entry of its own"])
      )
    }
    for word in self.words where word.hasPrefix("\u{2013}") || word.hasPrefix("\u{2014}") {
      faults.error(
        "wrong-dash", "`extra_args` has `\(word.prefix(80))`, whose first dash is none of `-`",
        at: place, hint: "write `--` where a page or an editor has made one dash of them")
    }
    for (flag, reason) in unaskable where self.has(flag) {
      faults.error(
        "unaskable", "`extra_args` has `\(flag)`: \(reason)", at: place,
        hint: "leave it out, or use `recipe: command` with a probe of its own")
    }
    for flag in own where flag.hasPrefix("-") {
      let same = spellings.first { $0.contains(flag) } ?? [flag]
      guard let name = self.words.first(where: { Self.isAny(of: same, $0) }).map(Self.name)
      else { continue }
      let spelled = name == flag ? "" : " as `\(name)`"
      faults.error(
        "flag-twice", "`extra_args` repeats `\(flag)`\(spelled), which a setting gives", at: place,
        hint: "keep the setting")
    }
  }
}

extension ManifestType<[String]> {
  /// Flags and their values. A text alone is a line, and parted as by a shell; so is an entry of a list that
  /// is a flag with its value, which no program would know.
  static var flags: Self {
    Self(
      .list(of: .text(.any()), countMax: nil), written: { .array($0.map(JSONText.string)) }
    ) { value, subject, faults in
      var isAlone = false
      if case .scalar = value.content { isAlone = true }
      var words: [String] = []
      for item in value.items {
        guard let text = item.text(of: subject, faults: &faults) else { continue }
        let first = text.split(maxSplits: 1, whereSeparator: \.isWhitespace).first ?? ""
        let isFlag = first.hasPrefix("-") && first.count > 1 && !first.contains("=")
        guard text.contains(where: \.isWhitespace), isFlag || isAlone && first.hasPrefix("-") else {
          words.append(text)
          continue
        }
        if let parted = ShellQuoting.split(text) {
          words += parted
        } else {
          faults.error(
            "one-word", "\(subject) has `\(text.prefix(80))` as one entry", at: item.location,
            hint: "write the flag and its value as entries of a list, a value of JSON in quotes: "
              + "`[\(first), '{\"a\": 1}']`")
        }
      }
      return words
    }
  }
}
