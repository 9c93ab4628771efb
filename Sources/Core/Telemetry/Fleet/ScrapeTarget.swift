package import Fleet

/// Where a page of metrics is.
package struct ScrapeTarget: Equatable, Sendable {
  /// Endpoints in one expression, and in all of a command: a fleet's, with 8 servers a node.
  package static let countMax = 4096

  /// `host:port`, with the path where it is not `/metrics`.
  package let name: String
  package let url: String

  /// The endpoints that an argument means: `gpu01:8000`, `http://localhost:8000/metrics`,
  /// `gpu[01-04]:8000`, `[::1]:8000`; the path is `/metrics` where none is written.
  ///
  /// - Returns: At least one, in the order of the node set.
  package static func targets(of text: String) throws(Diagnostic) -> [ScrapeTarget] {
    var (scheme, rest) = ("http", text[...])
    if let end = rest.firstRange(of: "://") {
      scheme = String(rest[..<end.lowerBound])
      rest = rest[end.upperBound...]
      guard ["http", "https"].contains(scheme) else {
        throw Self.wrong(text, "`\(scheme)` is neither http nor https")
      }
    }
    let pathStart = rest.firstIndex(of: "/") ?? rest.endIndex
    let path = pathStart == rest.endIndex ? "/metrics" : String(rest[pathStart...])
    let authority = rest[..<pathStart]
    guard let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") else {
      throw Self.wrong(text, "it has no port")
    }
    let digits = authority[authority.index(after: colon)...]
    guard let port = UInt16(digits), port > 0 else {
      throw Self.wrong(text, "its port is `\(digits)`, not 1 to 65535")
    }
    let hosts = try Self.hosts(String(authority[..<colon]), of: text)
    return hosts.map { host in
      let name = "\(host):\(port)\(path == "/metrics" ? "" : path)"
      return ScrapeTarget(name: name, url: "\(scheme)://\(host):\(port)\(path)")
    }
  }

  /// The endpoints that several arguments mean, each once.
  ///
  /// - Throws: A diagnostic with the code `wrong-endpoint`, or `too-many-endpoints` beyond ``countMax``.
  package static func targets(of texts: [String]) throws(Diagnostic) -> [ScrapeTarget] {
    var (targets, names): ([ScrapeTarget], Set<String>) = ([], [])
    for text in texts {
      targets += try Self.targets(of: text).filter { names.insert($0.name).inserted }
      guard targets.count <= Self.countMax else {
        throw Diagnostic(code: "too-many-endpoints", "more than \(Self.countMax) endpoints")
      }
    }
    return targets
  }

  private static func hosts(_ text: String, of argument: String) throws(Diagnostic) -> [String] {
    if text.hasPrefix("["), text.hasSuffix("]"), text.contains(":") { return [text] }
    let set: NodeSet
    do throws(NodeSetError) {
      set = try NodeSet(parsing: text)
    } catch {
      throw Self.wrong(argument, error.diagnostic(in: "<argument>", line: 1).summary)
    }
    guard !set.isEmpty else { throw Self.wrong(argument, "it has no host") }
    guard set.count <= Self.countMax else {
      throw Self.wrong(argument, "it means \(set.count) endpoints, at most \(Self.countMax)")
    }
    return set.names.map(\.rawValue)
  }

  private static func wrong(_ text: String, _ cause: String) -> Diagnostic {
    Diagnostic(
      code: "wrong-endpoint", "`\(text)` is no endpoint", causes: [cause],
      hints: ["write `HOST:PORT`, `http://localhost:8000/metrics` or `gpu[01-04]:8000`"])
  }
}

/// When endpoints are scraped: each at its own place within the interval, which its name alone
/// decides, so that a fleet's scrapes are spread and a restart moves none of them.
package struct ScrapeSchedule: Equatable, Sendable {
  /// Positive.
  package let interval: Duration

  package init(every interval: Duration) {
    precondition(interval > .zero, "an interval of \(interval)")
    self.interval = interval
  }

  /// From the interval's begin; at least 0 and less than the interval.
  package func offset(of name: String) -> Duration {
    let nanoseconds = self.interval / .nanoseconds(1)
    return .nanoseconds(Int64((nanoseconds * Self.share(of: name)).rounded(.down)))
  }

  /// An endpoint's place within an interval, 0 up to 1.
  package static func share(of name: String) -> Double {
    var hash = FNV1a()
    hash.join(name.utf8)
    // FNV-1a leaves the upper bits of short names alike: SplitMix64 spreads them.
    var generator = SplitMix64(state: hash.value)
    return Double(generator.next() >> 11) / Double(1 << 53)
  }

  /// The first time for an endpoint that is later than `now`.
  ///
  /// - Parameter now: Since a point that is the same for all endpoints; at least 0.
  package func next(of name: String, after now: Duration) -> Duration {
    let offset = self.offset(of: name)
    let turn = ((now - offset) / self.interval).rounded(.down)
    var next = offset + self.interval * turn
    while next <= now { next += self.interval }
    return next
  }
}
