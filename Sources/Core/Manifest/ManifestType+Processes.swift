import Fleet

extension ManifestType<String> {
  /// A program, by its name or its path.
  package static var program: Self {
    .text(
      TextRule(spoken: "program", pattern: nil) { text in
        // The path of one may have blanks.
        text.prefix { !$0.isWhitespace }.contains("/") || !text.contains(where: \.isWhitespace)
      }, code: "one-word",
      hint: "write a name or a path alone; a script of your own can start it with more words")
  }
}

extension ManifestType<[String]> {
  /// A program and its arguments. A text with blanks is what a shell would part, and nothing here does.
  package static var argv: Self {
    let list = Self.list(of: .text)
    return Self(list.form, written: list.written) { value, subject, faults in
      guard let argv = list.read(value, subject, &faults) else { return nil }
      var isAlone = false
      if case .scalar = value.content { isAlone = true }
      if let program = argv.first, let blank = program.firstIndex(where: \.isWhitespace),
        // The path of a program may have blanks, in a list.
        isAlone || !program[..<blank].contains("/")
      {
        let words = ShellQuoting.split(program) ?? program.split(separator: " ").map(String.init)
        let list = (words + argv.dropFirst()).map(YAMLQuoting.quote).joined(separator: ", ")
        faults.error(
          "one-word",
          "\(subject) names one program, `\(program.prefix(80))`, with blanks in its name",
          at: value.location, hint: "write its words as a list: `[\(list.prefix(300))]`")
      }
      return argv
    }
  }
}

extension ManifestType<[ManifestVariable]> {
  /// Variables of processes.
  static var variables: Self {
    .names(.variable, to: .text(.any())) { entry, faults in
      guard TextRule.variable.accepts(entry.key) else {
        // `{CUDA_VISIBLE_DEVICES: 0,1}` are two entries.
        faults.error(
          "wrong-name", "`\(entry.key.prefix(80))` is no variable's name", at: entry.keyLocation,
          hint: entry.value.isNothing
            ? "a value with a comma needs quotes here: `\"0,1\"`"
            : "write letters, digits and `_`, not first a digit")
        return nil
      }
      guard !["MUSTER_RUN", "MUSTER_SERVICE", "MUSTER_INDEX"].contains(entry.key) else {
        faults.error(
          "reserved-name", "`\(entry.key)` is a variable that Muster sets itself",
          at: entry.keyLocation, hint: "take another name, without `MUSTER_`")
        return nil
      }
      if case .list(let items) = entry.value.content {
        let texts = items.map { if case .scalar(let text, _) = $0.content { text } else { "…" } }
        faults.error(
          "wrong-type", "variable `\(entry.key)` is a text, not a list", at: entry.value.location,
          hint: "write `\(YAMLQuoting.quote(String(texts.joined(separator: ",").prefix(80))))`")
        return nil
      }
      let isEmpty = entry.value.content == .scalar("", isPlain: false)
      let value =
        isEmpty ? "" : entry.value.text(of: "variable `\(entry.key)`", faults: &faults)
      return value.map {
        ManifestVariable(name: entry.key, value: $0, location: entry.value.location)
      }
    }
  }
}
