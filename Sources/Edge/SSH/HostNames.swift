/// The first field of a line in known_hosts: which servers it is about.
struct HostNames: Equatable, Sendable {
  private enum Pattern: Equatable, Sendable {
    /// Lower case, with `*` and `?`.
    case text([UInt8], isNegated: Bool)
    /// HMAC-SHA1 of the name.
    case hashed(salt: [UInt8], code: [UInt8])
  }

  /// Names on one line; `HostNames` of more is `nil`.
  private static let patternCountMax = 1024

  private var patterns: [Pattern] = []

  /// - Returns: `nil` where the field breaks the format.
  init?(parsing field: [UInt8]) {
    if field.starts(with: Array("|".utf8)) {
      let parts = field.split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false)
      guard parts.count == 4, parts[1].elementsEqual("1".utf8),
        let salt = Base64.decode(parts[2]), let code = Base64.decode(parts[3]),
        salt.count == 20, code.count == 20
      else { return nil }
      self.patterns = [.hashed(salt: salt, code: code)]
      return
    }
    for part in field.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
      let isNegated = part.first == UInt8(ascii: "!")
      let text = isNegated ? part.dropFirst() : part
      guard !text.isEmpty, self.patterns.count < Self.patternCountMax else { return nil }
      self.patterns.append(.text(text.map(Self.lowercased), isNegated: isNegated))
    }
  }

  /// Whether the line is about the server: some pattern matches, and none that is negated.
  ///
  /// - Parameter name: From ``lookupName(host:port:)``.
  func matches(_ name: String) -> Bool {
    let name = Array(name.utf8)
    var isMatched = false
    for pattern in self.patterns {
      switch pattern {
      case .text(let text, let isNegated):
        guard Self.match(text[...], name[...]) else { continue }
        if isNegated { return false }
        isMatched = true
      case .hashed(let salt, let code):
        if SHA1.authenticationCode(of: name, key: salt) == code { isMatched = true }
      }
    }
    return isMatched
  }

  /// The name by which a server is looked up: in lower case, and `[host]:port` off port 22.
  static func lookupName(host: String, port: Int) -> String {
    let name = String(decoding: host.utf8.map(Self.lowercased), as: UTF8.self)
    return port == 22 ? name : "[\(name)]:\(port)"
  }

  private static func lowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte + 32 : byte
  }

  /// `*` is any number of characters, `?` exactly one. In time of O(pattern × name): after a
  /// mismatch only the last `*` takes one character more.
  private static func match(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
    var (p, n) = (pattern.startIndex, name.startIndex)
    var retry: (p: Int, n: Int)?
    while n < name.endIndex {
      if p < pattern.endIndex, pattern[p] == UInt8(ascii: "*") {
        p += 1
        retry = (p, n)
      } else if p < pattern.endIndex, pattern[p] == UInt8(ascii: "?") || pattern[p] == name[n] {
        p += 1
        n += 1
      } else if let last = retry {
        p = last.p
        n = last.n + 1
        retry = (last.p, n)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
