/// One host of a lab: an sshd of its own on an address of loopback.
package struct LabHost: Equatable, Sendable {
  /// Counts from 1 to ``countMax``.
  package var number: Int
  /// Unprivileged, and the same as long as the lab stands.
  package var port: Int

  /// 127.0.0.11 to 127.0.0.74.
  package static let countMax = 64

  /// `node01`.
  package var name: String { "node\(self.number < 10 ? "0" : "")\(self.number)" }
  package var address: String { "127.0.0.\(10 + self.number)" }

  /// sshd's configuration; it reads nothing outside the lab's folder.
  ///
  /// - Parameter environment: Of those who log in; sshd's own PATH has little in it.
  func configuration(folder: String, environment: [String: String]) -> String {
    let variables = environment.sorted { $0.key < $1.key }
      .map { Self.quoted("\($0.key)=\($0.value)") }
    // In this one keyword sshd replaces what follows a percent sign.
    let pattern = folder.split(separator: "%", omittingEmptySubsequences: false)
      .joined(separator: "%%")
    return """
      ListenAddress \(self.address)
      Port \(self.port)
      HostKey \(Self.quoted("\(folder)/\(self.name).hostkey"))
      AuthorizedKeysFile \(Self.quoted("\(pattern)/id_ed25519.pub"))
      StrictModes no
      UsePAM no
      PasswordAuthentication no
      KbdInteractiveAuthentication no
      PermitRootLogin yes
      MaxStartups 500:30:1000
      MaxSessions 200
      PidFile none
      PrintMotd no
      \(variables.isEmpty ? "" : "SetEnv \(variables.joined(separator: " "))")

      """
  }

  /// As sshd's configuration and YAML both take a text of one line.
  static func quoted(_ text: String) -> String {
    "\"" + text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined() + "\""
  }
}
