import CompileCache
package import Launch
import Recipes

extension PreflightQuestion {
  /// Addresses asked about: any one tells the interface; a few tell where there are several.
  private static let peerCountMax = 64
  /// On every node: for programs' temporary files, shared memory of parallel engines, and the home.
  private static let commonPaths = ["~", "/tmp", "/dev/shm"]

  /// What one node is asked before anything starts on it.
  package init(_ plan: Plan, node: String) {
    let launches = plan.launches(on: node)
    self.init()
    self.programs = Self.unique(
      launches.compactMap { launch in
        launch.programPath.map { name in
          Program(name: name, searchPath: launch.value(of: "PATH") ?? "")
        }
      })
    self.ports = Self.unique(launches.flatMap(\.ports))
    let working = launches.flatMap(\.requiredFolders)
    let caches = launches.flatMap { launch in plan.justInTimeFolders(of: launch) + launch.folders }
    self.paths = Self.unique(Self.commonPaths + working + caches)
    self.peers = Self.unique(plan.nodes.filter { $0.name != node }.compactMap(\.numericAddress))
    self.peers = Array(self.peers.prefix(Self.peerCountMax))
    self.packages = Recipe.packages
  }

  private static func unique<Element: Hashable>(_ elements: [Element]) -> [Element] {
    var seen: Set<Element> = []
    return Array(elements.filter { seen.insert($0).inserted }.prefix(Self.countMax))
  }
}

extension Plan {
  /// Of the replicas of one node, in the order of the services.
  func launches(on node: String) -> [LaunchSpecification] {
    self.services.flatMap { $0.replicas.filter { $0.node == node }.map(\.launch) }
  }

  private static let justInTimeNames = Set(CacheEnvironment.justInTimeNames(own: Recipe.caches))

  /// The folders of the compile caches of a replica, its own and those under `caches.root`.
  func justInTimeFolders(of launch: LaunchSpecification) -> [String] {
    launch.environment.filter {
      Self.justInTimeNames.contains($0.name) && $0.value.hasPrefix("/")
    }.map(\.value)
  }

  /// The GPUs that replicas of a node are known to use; empty where nothing is known of that.
  ///
  /// - Parameter gpus: The node's, of which a variable may name one by its UUID.
  func usedGPUs(on node: String, among gpus: [PreflightFacts.GPU]) -> Set<Int> {
    self.launches(on: node).reduce(into: []) { used, launch in
      used.formUnion(launch.visibleDevices)
      let names = launch.deviceList?.names.filter { Int($0) == nil } ?? []
      used.formUnion(gpus.filter { gpu in names.contains { gpu.uuid.hasPrefix($0) } }.map(\.index))
    }
  }
}

extension LaunchSpecification {
  /// What must be there when it starts: its working folder, where that has a place of its own, and what
  /// its recipe needs.
  var requiredFolders: [String] {
    let isPlace = self.folder.hasPrefix("/") || self.folder.hasPrefix("~/")
    return (isPlace ? [self.folder] : []) + self.neededFolders
  }

  /// The program as it is looked for; one beside the working folder only where that is absolute, so
  /// that it can be told: `nil` elsewhere.
  var programPath: String? {
    guard let name = self.argv.first else { return nil }
    if !name.contains("/") || name.hasPrefix("/") { return name }
    return self.folder.hasPrefix("/") ? "\(self.folder)/\(name)" : nil
  }
}

/// The facts of one node, and how its clock stands to the coordinator's.
package struct PreflightAnswer: Codable, Equatable, Sendable {
  package var node: String
  package var facts: PreflightFacts
  /// The node's clock less the coordinator's; positive: it is ahead.
  package var clockOffsetMilliseconds: Int

  package init(node: String, facts: PreflightFacts, clockOffsetMilliseconds: Int = 0) {
    self.node = node
    self.facts = facts
    self.clockOffsetMilliseconds = clockOffsetMilliseconds
  }

  /// Takes the way there to be as long as the way back.
  ///
  /// - Parameters:
  ///   - asked: By the coordinator's clock, as is `answered`; milliseconds since 1970, as all here.
  ///   - clock: The node's, read last.
  ///   - took: How long the node was at it, up to that reading.
  package init(
    node: String, facts: PreflightFacts, asked: Int64, answered: Int64, clock: Int64, took: Int64
  ) {
    let way = max(0, answered - asked - took)
    // A node may say anything; no clock of a machine is beyond the year 9999.
    let clock = min(max(clock, 0), 253_402_300_799_999)
    self.init(
      node: node, facts: facts, clockOffsetMilliseconds: Int(clock - (answered - way / 2)))
  }
}
