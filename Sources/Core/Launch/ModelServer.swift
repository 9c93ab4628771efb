/// A server of a model with OpenAI's interface, as its clients, its canaries and those who read its
/// metrics find it.
package struct ModelServer: Codable, Hashable, Sendable {
  /// The address it listens on, a name or digits; empty, `0.0.0.0` and `::`: all of its node's.
  package var host: String
  package var port: Int
  /// Its name in requests.
  package var model: String
  /// The variable from which it takes the key that it asks for, where that is set, and its clients do;
  /// `nil`: it can ask for none.
  package var keyVariable: String?
  /// Where among the arguments the key stands, if it does; it wins over the variable.
  package var keyArgument: Int?
  package var metricsPath: String
  /// A path that answers 503 once its engine is dead for good; `nil`: it has none that says so.
  package var healthPath: String?
  /// It takes the reasoning out of the answer.
  package var parsesReasoning = false

  package init(
    host: String = "", port: Int, model: String, keyVariable: String? = nil,
    metricsPath: String = "/metrics", healthPath: String? = "/health"
  ) {
    self.host = host
    self.port = port
    self.model = model
    self.keyVariable = keyVariable
    self.metricsPath = metricsPath
    self.healthPath = healthPath
  }

  /// Whether it listens on one address alone, and answers nowhere else.
  package var listensOnOne: Bool { !["", "0.0.0.0", "::"].contains(self.host) }

  /// `address:port`, with brackets around an address of IPv6.
  package static func place(_ address: String, _ port: Int) -> String {
    address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
  }

  /// As a client of OpenAI's interface takes it.
  package static func baseURL(_ address: String, _ port: Int) -> String {
    // The zone of an address of IPv6, as RFC 6874 has it.
    "http://\(Self.place(address.replacing("%", with: "%25"), port))/v1"
  }

  /// The key that a request needs, from the server's arguments and environment; empty: none.
  package func key(argv: [String], environment: [String: String]) -> String {
    if let place = self.keyArgument, argv.indices.contains(place) { return argv[place] }
    return self.keyVariable.flatMap { environment[$0] } ?? ""
  }
}
