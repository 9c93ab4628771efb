package import Fleet

/// What the user wrote, checked. ``ManifestKeys`` has its keys.
package struct Manifest: Equatable, Sendable {
  package var name: String
  /// In the order of the file, 1 to 4096, each name once.
  package var nodes: [ManifestNode]
  /// Resolved, sorted by name.
  package var groups: [ManifestGroup]
  /// In the order of the file.
  package var environment: [ManifestVariable]
  package var secrets: [String]
  package var caches: ManifestCaches?
  /// In the order of the file.
  package var services: [ManifestService]
  package var work: ManifestWork?
  package var notify: ManifestNotify?
  package var exporters: [ManifestExporter] = []
}

/// A node and how it is reached.
package struct ManifestNode: Equatable, Sendable {
  package enum Link: Equatable, Sendable {
    case local
    case ssh(ManifestSSH)
    case command([String])
  }

  package var name: NodeName
  package var link: Link
  package var labels: [String: String]
  package var location: SourceLocation
}

/// Settings of an SSH link, node and default merged. Paths are as written.
package struct ManifestSSH: Equatable, Sendable {
  package enum UnknownHosts: String, CaseIterable, Equatable, Sendable {
    case refuse
    case acceptNew = "accept-new"
  }

  /// Name or address to connect to.
  package var host: String
  package var port: Int
  /// `nil`: the user who runs `muster`.
  package var user: String?
  /// Empty: the usual ones under `~/.ssh`.
  package var identityFiles: [String]
  /// Empty: `~/.ssh/known_hosts`.
  package var knownHostsFiles: [String]
  package var unknownHosts: UnknownHosts
  package var connectTimeoutSeconds: Int
}

package struct ManifestGroup: Equatable, Sendable {
  package var name: String
  package var nodes: [NodeName]
}

/// A variable of `env:` with its place, for faults in its placeholders.
package struct ManifestVariable: Equatable, Sendable {
  package var name: String
  package var value: String
  package var location: SourceLocation
}

package struct ManifestCaches: Equatable, Sendable {
  package enum Network: String, CaseIterable, Equatable, Sendable {
    case refuse
    case accept
  }

  /// Absolute path on the nodes.
  package var root: String
  package var network: Network
}

/// A service; its recipe's settings are not read yet.
package struct ManifestService: Equatable, Sendable {
  package var name: String
  package var recipe: String
  package var recipeLocation: SourceLocation
  /// In the order of node sets.
  package var nodes: [NodeName]
  /// On each node, 1 to 64.
  package var replicasPerNode: Int
  package var after: [String]
  package var environment: [ManifestVariable]
  package var secrets: [String]
  /// `nil`: the recipe's own.
  package var readyTimeoutSeconds: Int?
  package var stopGraceSeconds: Int?
  package var folder: String
  /// Restarts within an hour after failures; 0: never.
  package var restartCountMax: Int
  /// Whether each of several replicas on a node keeps to its own part of the cores.
  package var splitsCores: Bool
  /// Where metrics are, beside what the recipe knows.
  package var metrics: ManifestMetrics?
  /// A mapping with the keys that are the recipe's.
  package var settings: ManifestValue
  package var location: SourceLocation
}

/// A service's own page of metrics.
package struct ManifestMetrics: Equatable, Sendable {
  /// Of the first replica on a node; replica k has this plus k.
  package var port: Int
  package var path: String
}

/// `work:`; `nil` where the file says nothing.
package struct ManifestWork: Equatable, Sendable {
  /// With the defaults of what is not written.
  package var settings = WorkSettings()
  /// Patterns of the files whose lines are counted, absolute or below `~/`; as written.
  package var watchedFiles: [String] = []
}
