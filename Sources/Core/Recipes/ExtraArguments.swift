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
    at place: SourceLocation, faults: inout ManifestFaults
  ) {
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
