import Coordinator
import Fleet
import Glibc
import NIOPosix
import Runs

/// What Runtime gets of this process: its clocks, its environment, its chance, its streams.
enum Composition {
  static let clock = ContinuousClock()

  static var surroundings: Surroundings {
    Surroundings(
      coordinator: CoordinatorIdentity.name,
      milliseconds: { Int64(CoordinatorIdentity.nowMilliseconds) },
      variable: { name in getenv(name).map { String(cString: $0) } },
      draw: { .random(in: 0...UInt64.max) }, say: { StandardStreams.say($0) },
      tell: { StandardStreams.tell($0) })
  }

  static func links() throws -> FleetLinks {
    try FleetLinks(
      agent: try AgentLocation.path(), cacheFolder: "\(ManifestFile.home)/.cache/muster",
      group: MultiThreadedEventLoopGroup.singleton, seed: .random(in: 0...UInt64.max))
  }

  /// Since a point of its own.
  static var uptime: @Sendable () -> Duration {
    let began = Self.clock.now
    return { began.duration(to: Self.clock.now) }
  }
}

extension FleetContext {
  init(_ selection: RunSelection) throws {
    try self.init(manifest: selection.manifest, runs: selection.runs)
  }

  /// - Parameter runs: The folder of the runs; `nil`: the one beside the manifest.
  init(manifest: String, runs: String?) throws {
    try self.init(try ManifestFile(manifest), runs: runs)
  }

  init(_ file: ManifestFile, runs: String?) throws {
    self.init(
      plan: file.plan, runsFolder: runs.map { ManifestFile.absolute($0) } ?? file.runsFolder,
      notify: file.notify, watchedFiles: file.watchedFiles, links: try Composition.links(),
      surroundings: Composition.surroundings)
  }
}
