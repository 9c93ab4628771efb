package import Fleet

/// The colours of what Muster writes: few, and never the only carrier of a meaning. Whether there are any is
/// decided once, from what the user said and what the stream is.
package enum Palette: Equatable, Sendable {
  package enum Style: String, CaseIterable, Equatable, Sendable {
    case error = "31"
    case warning = "33"
    case hint = "36"
    case success = "32"
    case faint = "2"
    case strong = "1"
  }

  case colour
  case plain

  /// `NO_COLOR` beats `CLICOLOR_FORCE` and `CLICOLOR`, and they beat whether the stream is a terminal;
  /// `TERM=dumb` counts as none. Sources: no-color.org (set and not empty means no colour),
  /// bixense.com/clicolors.
  package init(environment: [String: String], isTerminal: Bool) {
    if let value = environment["NO_COLOR"], !value.isEmpty {
      self = .plain
    } else if let value = environment["CLICOLOR_FORCE"], !value.isEmpty, value != "0" {
      self = .colour
    } else if environment["CLICOLOR"] == "0" || environment["TERM"] == "dumb" {
      self = .plain
    } else {
      self = isTerminal ? .colour : .plain
    }
  }

  /// `text` in a style; unchanged where there are no colours. Source: ECMA-48, section 8.3.117.
  package func styled(_ text: String, _ style: Style) -> String {
    switch self {
    case .plain: text
    case .colour: text.isEmpty ? "" : "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m"
    }
  }

  /// The diagnostic as ``Diagnostic/rendered()`` has it, its words `error:`, `warning:`, `hint:` and
  /// the place in colour. Of a text of several lines, such as a program's last words, those after the
  /// first are indented: none can look like a line of ours.
  package func rendered(_ diagnostic: Diagnostic) -> String {
    var diagnostic = diagnostic
    diagnostic.summary = Self.indented(diagnostic.summary)
    diagnostic.causes = diagnostic.causes.map(Self.indented)
    diagnostic.hints = diagnostic.hints.map(Self.indented)
    let lines = diagnostic.rendered().split(separator: "\n", omittingEmptySubsequences: false)
    return lines.map { self.coloured(String($0)) }.joined(separator: "\n")
  }

  private static func indented(_ text: String) -> String {
    let lines = text.unicodeScalars.split(separator: "\n").map {
      TerminalText.visible(String($0))
    }
    return lines.joined(separator: "\n    ")
  }

  private func coloured(_ line: String) -> String {
    for (prefix, style) in Self.prefixes where line.hasPrefix(prefix) {
      return self.styled(prefix, style) + line.dropFirst(prefix.count)
    }
    return line
  }

  private static let prefixes: [(String, Style)] = [
    ("error:", .error), ("warning:", .warning), ("hint:", .hint), ("  -->", .faint),
    ("  caused by:", .faint),
  ]
}
