extension Plan.Node {
  /// The address that other nodes use, as `{address}` says it; a name, or digits.
  package var address: String {
    switch self.link {
    case .local: "127.0.0.1"
    case .ssh(let settings): settings.host
    case .command: self.name
    }
  }
}
