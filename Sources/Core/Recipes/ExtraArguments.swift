import Fleet
import Manifest

/// What a manifest adds to the arguments that a recipe makes, for a program that takes `--flag value` and
/// `--flag=value`, and `_` for `-` in the names of flags.
struct ExtraArguments: Equatable {
  /// As they are written, but for flags of ``splitting``.
  let words: [String]

  /// - Parameter splitting: Flags whose value is made an argument of its own, to be pointed to.
  init(_ words: [String], splitting flags: [String] = []) {
    self.words = words.flatMap { word -> [String] in
      guard let equals = word.firstIndex(of: "="), flags.contains(Self.flag(of: word)) else {
        return [word]
      }
      return [String(word[..<equals]), String(word[word.index(after: equals)...])]
    }
  }

  /// The name of the flag in an argument, with `-` between its words.
  static func flag(of argument: String) -> String {
    let name = argument.prefix { $0 != "=" }
    return name.hasPrefix("--") ? String(name.map { $0 == "_" ? "-" : $0 }) : String(name)
  }

  func has(_ flag: String) -> Bool { self.words.contains { Self.flag(of: $0) == flag } }

  /// What one of the flags gives, the last of several; `nil` where none is there or has a value.
  func value(of flag: String) -> String? { self.value(of: [flag]) }

  private func value(of flags: [String]) -> String? {
    for (index, word) in self.words.enumerated().reversed()
    where flags.contains(Self.flag(of: word)) {
      if let equals = word.firstIndex(of: "=") { return String(word[word.index(after: equals)...]) }
      if index + 1 < self.words.count { return self.words[index + 1] }
    }
    return nil
  }

  /// Where the argument after the last of a flag stands; `nil` where there is none.
  func place(afterLast flag: String) -> Int? {
    self.words.lastIndex { Self.flag(of: $0) == flag }.map { $0 + 1 }
      .flatMap { self.words.indices.contains($0) ? $0 : nil }
  }

  /// A size that one of the flags gives, 1 to 64; 1 where none does.
  func size(_ flags: String...) -> Int {
    min(max(self.value(of: flags).flatMap { Int($0) } ?? 1, 1), 64)
  }
}

extension ExtraArguments {
  /// Tells of arguments that cannot be: those with which no canary gets an answer, so that the replica
  /// would never be ready, and those that a setting gives.
  ///
  /// - Parameters:
  ///   - own: What the recipe itself writes.
  ///   - unaskable: Flags and why they are; a clause.
  ///   - place: Of the arguments.
  func check(
    own: [String], unaskable: [(flag: String, reason: String)], at place: SourceLocation,
    faults: inout ManifestFaults
  ) {
    for (flag, reason) in unaskable where self.has(flag) {
      faults.error(
        "unaskable", "`extra_args` has `\(flag)`: \(reason)", at: place,
        hint: "leave it out, or use `recipe: command` with a probe of its own")
    }
    let taken = Set(own.filter { $0.hasPrefix("-") })
    for flag in self.words.map(Self.flag) where taken.contains(flag) {
      faults.error(
        "flag-twice", "`extra_args` repeats `\(flag)`, which a setting gives", at: place,
        hint: "keep the setting")
    }
  }
}
