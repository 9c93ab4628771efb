/// What the manifest says makes a replica ready.
package enum ReadinessProbe: Codable, Hashable, Sendable {
  /// GET on 127.0.0.1 answers a status in 200 ... 299.
  case http(port: Int, path: String)
  /// A connection to 127.0.0.1 is accepted.
  case tcp(port: Int)
  /// A line of the log contains the text.
  case log(contains: String)
  /// The command ends with status 0.
  case exec(argv: [String])
}

/// How it is found out that a replica is ready.
package enum Readiness: Equatable, Sendable {
  case probe(ReadinessProbe)
  /// The server names the model, and a completion of one token succeeds.
  case canary(ModelServer)
  /// It has lived for 2 s, and is shown as unproven.
  case life

  /// Whether it serves completions, and is asked for one now and then.
  package var asksCanaries: Bool {
    if case .canary = self { return true }
    return false
  }
}

extension LaunchSpecification {
  /// By the probe, where one is declared; else a server of a model by a canary.
  package var readiness: Readiness {
    if let probe = self.probe { return .probe(probe) }
    return self.model.map { .canary($0) } ?? .life
  }
}
