import Fleet

/// Which replica: its service and its index within it, over all nodes.
package struct ReplicaKey: Codable, Hashable, Comparable, Sendable, CustomStringConvertible {
  package var service: String
  package var index: Int

  package init(service: String, index: Int) {
    self.service = service
    self.index = index
  }

  /// - Parameter text: `SERVICE/INDEX`; `nil` for anything else.
  package init?(_ text: String) {
    guard let slash = text.lastIndex(of: "/"), let index = Int(text[text.index(after: slash)...]),
      index >= 0, slash > text.startIndex
    else { return nil }
    self.init(service: String(text[..<slash]), index: index)
  }

  package var description: String { "\(self.service)/\(self.index)" }

  /// The name of its folder on its node: `policy-0`.
  package var folderName: String { "\(self.service)-\(self.index)" }

  package static func < (lhs: Self, rhs: Self) -> Bool {
    (lhs.service, lhs.index) < (rhs.service, rhs.index)
  }
}

/// One replica, and what starts it: all that its agent is told.
package struct ReplicaSpecification: Codable, Equatable, Sendable {
  package var key: ReplicaKey
  package var launch: LaunchSpecification

  package init(key: ReplicaKey, launch: LaunchSpecification) {
    self.key = key
    self.launch = launch
  }

  /// As it travels to its node, and as its agent keeps it beside the replica's log.
  package func json() throws -> [UInt8] { try CanonicalJSON.bytes(of: self) }

  /// - Parameter json: As ``json()`` gives it.
  /// - Throws: `ReplicaFault` for a replica that cannot be right, others for what is none.
  package init(json: [UInt8]) throws {
    self = try CanonicalJSON.value(from: json)
    try self.check()
  }
}
