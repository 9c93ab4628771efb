// swift-tools-version:6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableUpcomingFeature("InferIsolatedConformances"),
  .enableUpcomingFeature("ImmutableWeakCaptures"),
  .treatAllWarnings(as: .error),
]

// MARK: Third party, each with its one importing layer

// Surface/Commands
let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
// Core/Manifest
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
// Edge/RunStore
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
// The gRPC pipe: Edge/NodeAPI, Edge/Links, Runtime.
let grpcCore = Target.Dependency.product(name: "GRPCCore", package: "grpc-swift-2")
let grpcProtobuf = Target.Dependency.product(name: "GRPCProtobuf", package: "grpc-swift-protobuf")
// On Linux this product is the HTTP/2 core without TLS. The Posix product would add NIOSSL and its
// copy of BoringSSL, which nothing here uses: SSH is the encryption, a 0600 socket the permission.
let grpcTransport = Target.Dependency.product(
  name: "GRPCNIOTransportHTTP2TransportServices", package: "grpc-swift-nio-transport")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
// Edge/ModelAPI
let asyncHTTPClient = Target.Dependency.product(
  name: "AsyncHTTPClient", package: "async-http-client")
// Surface/Dashboard
// Its server alone: for some pages the framework above it would be a tenth of the first build.
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")

// MARK: The house (Sources/Architecture.md): a target imports from its own layer or below

func layer(
  _ layer: String, _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies, path: "Sources/\(layer)/\(name)", exclude: exclude,
    swiftSettings: settings)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, path: "Tests/\(name)", exclude: exclude,
    swiftSettings: settings)
}

let core: [Target] = [
  layer("Core", "CompileCache", ["Fleet"]),
  layer("Core", "Fleet", []),
  layer("Core", "Health", ["Launch"]),
  layer("Core", "KVCacheSimulator", ["Fleet", "Rollouts"]),
  layer("Core", "Launch", ["Fleet"]),
  layer("Core", "Manifest", ["Fleet", "KVCacheSimulator", "Launch", yams]),
  layer(
    "Core", "Plan",
    ["CompileCache", "Fleet", "KVCacheSimulator", "Launch", "Manifest", "Recipes"]),
  layer("Core", "Recipes", ["CompileCache", "Fleet", "Launch", "Manifest"]),
  layer("Core", "Rollouts", ["Fleet"]),
  layer("Core", "Telemetry", ["Fleet"]),
]

let edge: [Target] = [
  .systemLibrary(
    name: "CSSH2", path: "Sources/Edge/CSSH2", pkgConfig: "libssh2",
    providers: [.apt(["libssh2-1-dev"])]),
  // Calls of Linux that Glibc's module has not.
  .systemLibrary(name: "CLinux", path: "Sources/Edge/CLinux"),
  layer("Edge", "Lab", ["OperatingSystem"]),
  layer(
    "Edge", "Links",
    [
      "CLinux", "Fleet", "OperatingSystem", "Plan", "SSH", grpcCore, grpcTransport, nioCore,
      nioPosix,
    ]),
  layer("Edge", "ModelAPI", [asyncHTTPClient, nioCore, nioHTTP1, nioPosix]),
  layer(
    "Edge", "NodeAPI",
    ["Fleet", "Health", "Launch", "Rollouts", grpcCore, grpcProtobuf, protobuf],
    exclude: ["node.proto"]),
  layer("Edge", "OperatingSystem", ["CLinux", "Fleet"]),
  layer("Edge", "RecordFiles", ["OperatingSystem", "Rollouts"]),
  layer("Edge", "RunStore", ["Fleet", "OperatingSystem", "RecordFiles", "Rollouts", grdb]),
  layer("Edge", "SSH", ["Fleet", "CSSH2", nioCore]),
]

let runtime: [Target] = [
  layer(
    "Runtime", "Coordinator",
    [
      "Fleet", "Health", "KVCacheSimulator", "Launch", "Links", "Manifest", "NodeAPI",
      "OperatingSystem", "Plan", "Recipes", "RecordFiles", "Rollouts", "RunStore", "SSH",
      "Telemetry", grpcCore, grpcTransport, protobuf,
    ]),
  layer(
    "Runtime", "FleetView",
    [
      "Coordinator", "Fleet", "Health", "Launch", "Links", "Manifest", "ModelAPI",
      "OperatingSystem", "Plan", "Recipes", "RecordFiles", "Runs", "Telemetry",
    ]),
  layer(
    "Runtime", "NodeAgent",
    [
      "CLinux", "Fleet", "Health", "KVCacheSimulator", "Launch", "NodeAPI", "OperatingSystem",
      "RecordFiles", "Rollouts", "Telemetry", grpcCore, grpcTransport, protobuf, nioCore, nioHTTP1,
      nioPosix,
    ]),
  layer(
    "Runtime", "Runs",
    [
      "Coordinator", "Fleet", "Health", "Launch", "Links", "Manifest", "OperatingSystem", "Plan",
      "RecordFiles", "Rollouts", "RunStore", "SSH", nioCore,
    ]),
]

let surface: [Target] = [
  layer(
    "Surface", "Commands",
    [
      "Coordinator", "Dashboard", "Fleet", "FleetView", "Health", "KVCacheSimulator", "Lab",
      "Launch", "Manifest", "OperatingSystem", "Plan", "Recipes", "Rollouts", "Runs", "Telemetry",
      "Terminal", argumentParser, nioPosix,
    ]),
  layer("Surface", "Dashboard", [httpTypes, hummingbirdCore, logging, nioCore, nioPosix]),
  layer("Surface", "Terminal", ["Fleet"]),
  .executableTarget(
    name: "muster", dependencies: ["Commands"], path: "Sources/Surface/muster",
    swiftSettings: settings),
  .executableTarget(
    name: "muster-node", dependencies: ["NodeAgent", "OperatingSystem"],
    path: "Sources/Surface/muster-node",
    swiftSettings: settings,
    // Needs nothing on the node. Only its link differs, so that one release build makes all programs.
    linkerSettings: [
      .unsafeFlags(
        ["-static-executable", "-l_FoundationCShims", "-l_FoundationCollections"],
        .when(configuration: .release))
    ]),
]

let testTargets: [Target] = [
  tests("ArchitectureTests", []),
  tests(
    "CommandsTests",
    [
      "Commands", "Coordinator", "Fleet", "FleetView", "Health", "Launch", "Plan", "Recipes",
      "Rollouts", "Runs", "Telemetry", "Terminal", "TestFleet",
    ]),
  tests("CompileCacheTests", ["CompileCache"]),
  tests(
    "CoordinatorTests",
    [
      "Coordinator", "Fleet", "Health", "Launch", "Links", "NodeAPI", "Plan", "Recipes",
      "Telemetry", grpcCore, protobuf,
    ]),
  tests("DashboardTests", ["Dashboard"]),
  tests("FleetTests", ["Fleet"]),
  tests(
    "FleetViewTests",
    [
      "Coordinator", "Fleet", "FleetView", "Health", "Launch", "Manifest", "Plan", "Recipes",
      "RunStore",
      "Runs", "Telemetry", "TestFleet", yams,
    ]),
  tests("HealthTests", ["Fleet", "Health", "Launch"]),
  tests("KVCacheSimulatorTests", ["Fleet", "KVCacheSimulator", "Rollouts"]),
  tests("LabTests", ["Lab", "OperatingSystem"]),
  tests(
    "LinksTests",
    [
      "Fleet", "Links", "NodeAPI", "OperatingSystem", "Plan", "SSH", grpcCore, nioCore,
      nioEmbedded, nioPosix,
    ]),
  tests("LaunchTests", ["Launch"]),
  tests("ManifestTests", ["Fleet", "Manifest"]),
  tests("NodeAPITests", ["Fleet", "Health", "Launch", "NodeAPI", "Rollouts", protobuf]),
  tests(
    "NodeAgentTests",
    [
      "Fleet", "Health", "Launch", "NodeAPI", "NodeAgent", "OperatingSystem", "Telemetry",
      grpcCore, grpcTransport, nioCore, nioHTTP1, nioPosix,
    ]),
  tests("ModelAPITests", ["ModelAPI", nioCore, nioHTTP1, nioPosix]),
  tests("PlanTests", ["Fleet", "Launch", "Manifest", "Plan", "Recipes"]),
  tests("RecordFilesTests", ["OperatingSystem", "RecordFiles", "Rollouts"]),
  tests("RecipesTests", ["Fleet", "Launch", "Manifest", "Recipes"]),
  tests("RolloutsTests", ["Fleet", "KVCacheSimulator", "Rollouts"]),
  tests("RunStoreTests", ["Fleet", "OperatingSystem", "RecordFiles", "Rollouts", "RunStore"]),
  tests(
    "RunsTests",
    [
      "Coordinator", "Fleet", "Health", "Launch", "Links", "OperatingSystem", "Plan", "RecordFiles",
      "Rollouts", "RunStore", "Runs", "TestFleet", nioPosix,
    ]),
  tests("SSHTests", ["Fleet", "SSH", nioCore, nioEmbedded]),
  tests(
    "Simulation",
    [
      "Coordinator", "Fleet", "Health", "Launch", "NodeAgent", "OperatingSystem", "Plan",
      "RecordFiles", "Rollouts",
    ]),
  // A fleet of which agents say what a test wants.
  .target(
    name: "TestFleet",
    dependencies: [
      "Coordinator", "Fleet", "FleetView", "Health", "Launch", "Plan", "Recipes", "Telemetry",
    ],
    path: "Tests/TestFleet", swiftSettings: settings),
  // Holds the built stub to what was measured of the real server.
  tests("StubModelServerTests", [], exclude: ["vllm-0.32-metrics.txt"]),
  tests(
    "TelemetryTests", ["Fleet", "Telemetry"],
    exclude: ["classic.txt", "openmetrics.txt", "python-process.txt"]),
  tests("TerminalTests", ["Fleet", "Terminal"]),
  // Drives the built binaries against real sshd hosts.
  .testTarget(
    name: "TestbedTests", path: "Tests/Testbed/Integration",
    swiftSettings: settings),
  // Answers as `vllm serve` does, for tests and the lab.
  .executableTarget(
    name: "stub-model-server", dependencies: [nioCore, nioHTTP1, nioPosix],
    path: "Tests/Testbed/StubModelServer", swiftSettings: settings),
]

let package = Package(
  name: "muster",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0", traits: []),
    .package(url: "https://github.com/apple/swift-log.git", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    // No default traits: they pull in all of Foundation.
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
    .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
    .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
    .package(
      url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
  ],
  targets: core + edge + runtime + surface + testTargets
)
