/// What the log of a program that failed says: one line that names the cause, and the last lines without
/// the frames of tracebacks.
///
/// The cause is the exception that ends the first traceback (Python prints a chain with what happened
/// first on top, and vLLM's later ones only point back to it). Processes that write into one log at the
/// same time are told apart by what vLLM, Ray, torch and SGLang put in front of their lines.
package struct FailureLog: Sendable {
  /// `nil`: no line names an error.
  package private(set) var cause: String?
  /// What is no part of a traceback, oldest first; exceptions stand among them.
  package private(set) var lines: [String] = []
  /// Speakers within a traceback, and how serious it is.
  private var tracebacks: [Substring: Level] = [:]
  /// Who has just named the cause by a line that needs the next one.
  private var unfinished: Substring?
  /// The first error outside tracebacks, and the first exception that says only that a process was
  /// ended: what counts where nothing better is there.
  private var loneError: String?
  private var interruption: String?

  private enum Level { case notice, error }

  /// - Parameter log: Lines as they were written, oldest first.
  package init(_ log: some Sequence<String>) {
    for line in log { self.read(line) }
    self.cause = self.cause ?? self.loneError ?? self.interruption
  }

  /// The cause and, of what else there is, the last lines, for a person.
  ///
  /// - Parameter count: Lines at most, from 3.
  package func explanation(count: Int) -> [String] {
    guard let cause = self.cause else { return self.lines.suffix(count) }
    var others = self.lines
    if let place = others.lastIndex(where: { LogLine($0).text.trimmed == cause }) {
      others.remove(at: place)
    }
    return others.isEmpty ? [cause] : [cause, "…"] + others.suffix(count - 2)
  }

  private mutating func read(_ line: String) {
    let said = LogLine(line)
    if self.unfinished == said.speaker {
      self.unfinished = nil
      // `1 validation error for ModelConfig` says nothing without the next line.
      if said.isIndented { self.cause? += " \(said.text.trimmed)" }
    }
    let opening = "Traceback (most recent call last):"
    if said.text.hasSuffix(opening), !said.isIndented {
      // One message of many lines has its prefix before the first alone.
      let speaker = said.text == opening ? said.speaker : ""
      self.tracebacks[speaker] = said.isNotice ? .notice : .error
      return
    }
    guard let level = self.tracebacks[said.speaker] else {
      if self.loneError == nil, !said.isNotice, said.namesError {
        self.loneError = String(said.text.trimmed)
      }
      self.lines.append(line)
      return
    }
    if said.isIndented || said.text.isEmpty { return }
    self.tracebacks[said.speaker] = nil
    self.lines.append(line)
    if level == .error, self.cause == nil { self.found(said) }
  }

  private mutating func found(_ said: LogLine) {
    let isEnd = ["KeyboardInterrupt", "SystemExit", "asyncio.exceptions.CancelledError"]
      .contains { said.text.hasPrefix($0) }
    if isEnd {
      self.interruption = self.interruption ?? String(said.text.trimmed)
    } else {
      self.cause = String(said.text.trimmed)
      if said.text.contains(" validation error") { self.unfinished = said.speaker }
    }
  }
}

/// A line of a log, and who said it.
private struct LogLine {
  /// What names a process in front of its lines, such as `(Worker_TP1 pid=7`; empty: nothing does.
  private(set) var speaker: Substring = ""
  /// Whether it says of itself that it is less than an error.
  private(set) var isNotice = false
  /// What is said, with the indentation that belongs to it.
  private(set) var text: Substring

  /// `(EngineCore pid=7) ERROR 11-27 20:55:02 [core.py:1510] text` is vLLM's form, in which each part
  /// may be absent (the place stands without brackets before 0.10); Ray's and its own workers' begin as
  /// well with `(NAME pid=7, ip=…)`, torch's with `[rank0]: `, SGLang's with `[2026-11-27 20:54:23 TP0] `.
  init(_ line: String) {
    self.text = line[...]
    if self.text.first == "(", let end = self.text.firstIndex(of: ")"),
      self.text[..<end].contains("pid=")
    {
      self.speaker = self.text[..<end]
      self.skip(to: end)
    }
    if self.text.hasPrefix("[rank") || self.text.hasPrefix("[20"),
      let end = self.text.prefix(100).firstIndex(of: "]")
    {
      // The time changes from line to line, the process does not.
      let name = self.text[..<end].split(separator: " ").last ?? ""
      self.speaker = name.contains(":") ? "" : name
      self.skip(to: end)
    }
    for level in ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    where self.text.hasPrefix("\(level) ") || self.text.hasPrefix("\(level):") {
      self.isNotice = level != "ERROR" && level != "CRITICAL"
      let head = self.text.prefix(200)
      if let end = head.indices.first(where: { head[$0] == "]" && head[..<$0].hasSuffixOfPlace }) {
        self.skip(to: end)
      }
      return
    }
  }

  var isIndented: Bool { self.text.first?.isWhitespace == true }

  /// Whether it bears a Python exception, such as `ValueError: …`, or a program's `error: …`, and is not
  /// the source line that raises one.
  var namesError: Bool {
    let text = self.text.trimmed
    if text.hasPrefix("raise ") || text.contains(" WARNING ") || text.contains(" INFO ") {
      return false
    }
    if text.hasPrefix("error: ") || text.contains(": error: ") { return true }
    for name in ["Error: ", "Exception: ", "Error("] {
      guard let range = text.firstRange(of: name), range.lowerBound > text.startIndex else {
        continue
      }
      if text[text.index(before: range.lowerBound)].isLetter { return true }
    }
    return false
  }

  /// What stands after a prefix that ends there, and one blank.
  private mutating func skip(to end: Substring.Index) {
    self.text = self.text[self.text.index(after: end)...]
    if self.text.first == ":" { self.text.removeFirst() }
    if self.text.first == " " { self.text.removeFirst() }
  }
}

extension Substring {
  /// Whether it ends with the number of a line of source.
  fileprivate var hasSuffixOfPlace: Bool {
    let rest = self.trimmingSuffix { $0.isNumber }
    return rest.count < self.count && rest.last == ":"
  }

  fileprivate var trimmed: Substring {
    self.drop { $0.isWhitespace }.trimmingSuffix { $0.isWhitespace }
  }

  private func trimmingSuffix(_ isPart: (Character) -> Bool) -> Substring {
    self[..<(self.lastIndex { !isPart($0) }.map(self.index(after:)) ?? self.startIndex)]
  }
}
