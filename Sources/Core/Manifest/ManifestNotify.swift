import Fleet

/// Whom to tell of changes of state; `notify:` of the manifest.
package struct ManifestNotify: Equatable, Sendable {
  /// What can be told; the states of a replica that need somebody, or that somebody waits for.
  package enum Event: String, CaseIterable, Hashable, Sendable {
    case failed, backoff, stalled, unreachable, ready
  }

  /// A program that gets each message on its standard input; empty: none.
  package var command: [String] = []
  /// An `http` or `https` URL that each message is posted to.
  package var webhook: String?
  /// In the order of the file; without `on`, all but `ready`.
  package var events: [Event] = [.failed, .backoff, .stalled, .unreachable]
  /// Between two messages of one service and event, 1 to 86400.
  package var everySeconds = 60

  package init() {}

  static let mapping = ManifestMapping<Self>(
    Self(), "`notify`", title: "`notify`", demand: .atLeastOne(of: ["command", "webhook"]),
    [
      .defaulted(
        "command", \.command, .argv,
        "A program and its arguments; gets a JSON object on standard input: `event`, `run`, `service`, `index`, `node`, `state`, `reason`, `more`, `text`"
      ),
      .optional(
        "webhook", \.webhook,
        .text(
          TextRule(spoken: "URL", pattern: "^https?://[!-~]+$", accepts: Self.isURL),
          code: "wrong-url", hint: "write `https://example.com/…`, or `http`",
          // Its path is often a secret: it is not said.
          summary: { subject, _ in "\(subject) is no URL of HTTP" }),
        "Where the same object is posted, within 10 s; redirections are not followed; it is treated as a secret"
      ),
      .defaulted(
        "on", \.events, .list(of: .choice("some")),
        "What is told while `up`, `attach`, `top` or `serve` watches; `backoff`: it failed and is tried again"
      ),
      .defaulted(
        "every", \.everySeconds, .integer(1...86400),
        "Seconds between messages of one service and state; what is held back and still so is told then"
      ),
    ])

  static let type = ManifestType<Self>.mapping(Self.mapping) { reading, faults in
    if reading.place(of: \.command) == nil, reading.place(of: \.webhook) == nil {
      faults.error(
        "no-target", "`notify` tells nobody", at: reading.location,
        hint: "write `command: [argv]` or `webhook: URL`")
    }
    return reading.root
  }

  /// Scheme, host and at most a port that exists, and nothing that a request line cannot hold: a port
  /// over 65535 would end the program in the HTTP client.
  private static func isURL(_ text: String) -> Bool {
    guard let scheme = ["http://", "https://"].first(where: text.hasPrefix),
      text.utf8.allSatisfy(\.isVisible)
    else { return false }
    let authority = text.dropFirst(scheme.count).prefix { !"/?#\\".contains($0) }
    let place = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] }
    let host = place ?? authority
    guard let first = host.first, first != ":" else { return false }
    // In brackets, colons are an IPv6 address's own.
    let rest = host.lastIndex(of: "]").map { host[host.index(after: $0)...] } ?? host
    guard let colon = rest.firstIndex(of: ":") else { return true }
    return UInt16(rest[rest.index(after: colon)...]).map { $0 > 0 } ?? false
  }
}
