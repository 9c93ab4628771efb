/// Where a server listens.
struct ServeAddress: CustomStringConvertible {
  /// Without the brackets of IPv6.
  let host: String
  let port: Int

  /// `127.0.0.1:9464`, `[::1]:9464`, `gpu01:9464`; `nil` for anything else.
  init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"),
      let port = UInt16(text[text.index(after: colon)...]), port > 0
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    guard !host.isEmpty, !host.contains("/") else { return nil }
    self.host = String(host)
    self.port = Int(port)
  }

  /// Whether only this machine reaches it.
  var isLoopback: Bool {
    self.host == "localhost" || self.host == "::1"
      || self.host.hasPrefix("127.") && self.host.allSatisfy { $0.isNumber || $0 == "." }
  }

  var description: String {
    "\(self.host.contains(":") ? "[\(self.host)]" : self.host):\(self.port)"
  }
}
