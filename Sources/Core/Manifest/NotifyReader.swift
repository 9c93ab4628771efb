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
    events: [Event] = [.failed, .backoff, .stalled, .unreachable], everySeconds: Int = 60
  ) {
    self.command = command
    self.webhook = webhook
    self.events = events
    self.everySeconds = everySeconds
  }
}

/// Reads `notify:`.
enum NotifyReader {
  static func read(_ value: ManifestValue, faults: inout ManifestFaults) -> ManifestNotify? {
    var reader = MappingReader(value, subject: "`notify`", faults: &faults)
    let command = reader.texts("command", faults: &faults) ?? []
    let place = reader.value("webhook")?.location
    let webhook = reader.text("webhook", faults: &faults)
    let events = Self.events(&reader, faults: &faults)
    let every = reader.integer("every", in: 1...86400, faults: &faults)
    reader.finish(faults: &faults)
    if let webhook, let place, !Self.isURL(webhook) {
      // A webhook's path is often a secret: it is not said.
      faults.error(
        "wrong-url", "`webhook` is no URL of HTTP", at: place,
        hint: "write `https://example.com/…`, or `http`")
    }
    if reader.value("command") == nil, place == nil {
      faults.error(
        "no-target", "`notify` tells nobody", at: value.location,
        hint: "write `command: [argv]` or `webhook: URL`")
    }
    var settings = ManifestNotify(command: command, webhook: webhook)
    if let events { settings.events = events }
    if let every { settings.everySeconds = every }
    return settings
  }

  private static func events(
    _ reader: inout MappingReader, faults: inout ManifestFaults
  ) -> [ManifestNotify.Event]? {
    guard let value = reader.value("on") else { return nil }
    return reader.texts("on", faults: &faults)?.compactMap { text in
      if let event = ManifestNotify.Event(rawValue: text) { return event }
      let words = ManifestNotify.Event.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")
      faults.error(
        "unknown-choice", "`on` is `\(text.prefix(80))`", at: value.location,
        hint: "write some of \(words)")
      return nil
    }
  }

  /// Scheme, host and at most a port that exists, and nothing that a request line cannot hold: a port
  /// over 65535 would end the program in the HTTP client.
  private static func isURL(_ text: String) -> Bool {
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
