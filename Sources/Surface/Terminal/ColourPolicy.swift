/// Whether to write colours: decided once, from what the user said and what the stream is.
package enum ColourPolicy: Equatable, Sendable {
  case colour
  case plain

  /// The values of `--color`.
  package enum Choice: String, CaseIterable, Equatable, Sendable {
    case auto
    case always
    case never
  }

  /// `--color` beats `NO_COLOR`, that beats `CLICOLOR_FORCE` and `CLICOLOR`, and they beat what the
  /// stream is.
  ///
  /// Sources: no-color.org (set and not empty means no colour), bixense.com/clicolors.
  ///
  /// - Parameters:
  ///   - choice: `auto` where the user gave none.
  ///   - environment: The variables of the process, of which four are read (`TERM=dumb` counts as no terminal).
  ///   - isTerminal: Whether the stream that is written to is a terminal.
  package init(
    choice: Choice = .auto, environment: [String: String], isTerminal: Bool
  ) {
    switch choice {
    case .always: self = .colour
    case .never: self = .plain
    case .auto:
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
  }
}
