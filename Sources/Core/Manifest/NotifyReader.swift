import Fleet

/// Whom to tell of changes of state; `notify:` of the manifest.
package struct ManifestNotify: Equatable, Sendable {
  /// What can be told; the states of a replica that need somebody, or that somebody waits for.
  package enum Event: String, CaseIterable, Hashable, Sendable {
    case failed, backoff, stalled, unreachable, ready
  }

  /// A program that gets each message on its standard input; empty: none.
  package var command: [String]
  /// An `http` or `https` URL that each message is posted to.
  package var webhook: String?
  /// In the order of the file; without `on`, all but `ready`.
  package var events: [Event]
  /// Between two messages of one service and event, 1 to 86400.
  package var everySeconds: Int

  package init(
    command: [String] = [], webhook: String? = nil,
    events: [Event] = NotifyKeys.on.absent, everySeconds: Int = NotifyKeys.every.absent
  ) {
    self.command = command
    self.webhook = webhook
    self.events = events
    self.everySeconds = everySeconds
  }
}

/// The keys of `notify:`.
package enum NotifyKeys {
  static let command = ManifestKey(
    "command", .list(of: .text), default: [],
    "A program and its arguments; gets a JSON object on standard input: `event`, `run`, `service`, `index`, `node`, `state`, `reason`, `more`, `text`"
  )
  static let webhook = ManifestKey(
    "webhook",
    .text(
      TextRule(spoken: "URL", pattern: "^https?://[!-~]+$", accepts: NotifyReader.isURL),
      code: "wrong-url", hint: "write `https://example.com/…`, or `http`",
      // Its path is often a secret: it is not said.
      summary: { subject, _ in "\(subject) is no URL of HTTP" }),
    "Where the same object is posted, within 10 s; redirections are not followed; it is treated as a secret"
  )
  package static let on = ManifestKey(
    "on", .choices(ManifestNotify.Event.self),
    default: [.failed, .backoff, .stalled, .unreachable],
    "What is told while `up`, `attach`, `top` or `serve` watches; `backoff`: it failed and is tried again"
  )
  package static let every = ManifestKey(
    "every", .integer(1...86400), default: 60,
    "Seconds between messages of one service and state; what is held back and still so is told then"
  )
  static let table = ManifestTable(
    "`notify`", title: "`notify`", demand: .atLeastOne(of: [command.row.name, webhook.row.name]),
    command,
    webhook, on, every)
}

/// Reads `notify:`.
enum NotifyReader {
  static func read(_ value: ManifestValue, faults: inout ManifestFaults) -> ManifestNotify {
    var reader = MappingReader(value, NotifyKeys.table, faults: &faults)
    if reader.value(NotifyKeys.command) == nil, reader.value(NotifyKeys.webhook) == nil {
      faults.error(
        "no-target", "`notify` tells nobody", at: value.location,
        hint: "write `command: [argv]` or `webhook: URL`")
    }
    let settings = ManifestNotify(
      command: reader.read(NotifyKeys.command, faults: &faults),
      webhook: reader.read(NotifyKeys.webhook, faults: &faults),
      events: reader.read(NotifyKeys.on, faults: &faults),
      everySeconds: reader.read(NotifyKeys.every, faults: &faults))
    reader.finish(faults: &faults)
    return settings
  }

  /// Scheme, host and at most a port that exists, and nothing that a request line cannot hold: a port
  /// over 65535 would end the program in the HTTP client.
  static func isURL(_ text: String) -> Bool {
    guard let scheme = ["http://", "https://"].first(where: text.hasPrefix),
      text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
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
