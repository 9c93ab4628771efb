/// Rules about which target knows which. Each function returns its findings, a sentence each.
enum HouseRules {
  /// Who imports which module of others (Sources/Architecture.md): one target, apart from the pipe.
  static let importers: [String: Set<String>] = [
    "ArgumentParser": ["Commands"],
    "AsyncHTTPClient": ["ModelAPI"],
    "CLinux": ["Links", "NodeAgent", "OperatingSystem"],
    "CSSH2": ["SSH"],
    "GRDB": ["RunStore"],
    "GRPCCore": ["Coordinator", "Links", "NodeAPI", "NodeAgent"],
    "GRPCNIOTransportHTTP2TransportServices": ["Coordinator", "Links", "NodeAgent"],
    "GRPCProtobuf": ["NodeAPI"],
    "HTTPTypes": ["Dashboard"],
    "HummingbirdCore": ["Dashboard"],
    "Logging": ["Dashboard"],
    "NIOCore": ["Dashboard", "Links", "ModelAPI", "NodeAgent", "Runs", "SSH"],
    "NIOHTTP1": ["ModelAPI", "NodeAgent"],
    // The composition root picks the event loops, as it picks the clock.
    "NIOPosix": ["Commands", "Dashboard", "Links", "ModelAPI", "NodeAgent"],
    "SwiftProtobuf": ["Coordinator", "NodeAPI", "NodeAgent"],
    "Yams": ["Manifest"],
  ]

  /// What comes with the compiler.
  private static let toolchain: Set<String> = [
    "Dispatch", "Foundation", "FoundationEssentials", "Glibc", "Synchronization",
  ]

  /// The program on a node is linked statically and must stay small: no full Foundation.
  static let leanTargets: Set<String> = [
    "Fleet", "Health", "KVCacheSimulator", "Launch", "NodeAPI", "NodeAgent", "OperatingSystem",
    "RecordFiles", "Rollouts", "Telemetry",
  ]

  /// Modules that read files, sockets, clocks or the environment.
  private static let impureModules: Set<String> = [
    "CLinux", "Darwin", "Dispatch", "Glibc", "Musl", "SystemPackage",
  ]

  /// Each import of a module of others is listed, and what is listed is imported.
  static func importersAreListed(_ files: [SourceFile], in house: House) -> [String] {
    var rest = self.importers
    var findings: [String] = []
    for file in files where file.layer != nil {
      for module in file.imports where !self.toolchain.contains(module) {
        rest[module]?.remove(file.target ?? "")
        let isOurs = house.target(module) != nil && self.importers[module] == nil
        if !isOurs, self.importers[module]?.contains(file.target ?? "") != true {
          let listed = self.importers[module].map { $0.sorted().joined(separator: ", ") }
          findings.append(
            "\(file.path): \(module) is imported by \(listed ?? "nobody") only (HouseRules)")
        }
      }
    }
    return findings
      + rest.filter { !$0.value.isEmpty }.sorted { $0.key < $1.key }.map { module, targets in
        "HouseRules: \(targets.sorted().joined(separator: ", ")) no longer imports \(module)"
      }
  }

  /// What a target declares, some file of it imports.
  static func declaredIsImported(_ files: [SourceFile], in house: House) -> [String] {
    house.targets.flatMap { target in
      let imports = Set(
        files.filter { $0.path.hasPrefix("\(target.path)/") }.flatMap(\.imports))
      return (target.dependencies + target.products).filter { !imports.contains($0) }
        .map { "Package.swift: \(target.name) declares \($0) and does not import it" }
    }
  }

  /// The composition root picks the event loops, as it picks the clock; it does nothing else with
  /// NIO. `Dashboard` is a server.
  private static let networkInSurface: [String: Set<String>] = [
    "Commands": ["NIOPosix"], "Dashboard": ["NIOCore", "NIOPosix"],
  ]

  static func networkBelowSurfaceOnly(_ file: SourceFile) -> [String] {
    guard let layer = file.layer, layer == .core || layer == .surface else { return [] }
    return file.imports.compactMap { module in
      guard module.hasPrefix("NIO") || module.hasPrefix("GRPC") || module == "SwiftProtobuf" else {
        return nil
      }
      if let target = file.target, Self.networkInSurface[target]?.contains(module) == true {
        return nil
      }
      return "\(file.path): \(module) belongs to Edge and Runtime"
    }
  }

  static func coreIsPure(_ file: SourceFile) -> [String] {
    guard file.layer == .core else { return [] }
    return file.imports.compactMap { module in
      Self.impureModules.contains(module)
        ? "\(file.path): Core does no I/O and imports no \(module)" : nil
    }
  }

  static func nodeStaysLean(_ file: SourceFile) -> [String] {
    guard file.path.hasPrefix("Sources/"), let target = file.target,
      Self.leanTargets.contains(target), !file.isGenerated, file.imports.contains("Foundation")
    else { return [] }
    return ["\(file.path): \(target) is part of muster-node and imports no Foundation"]
  }

  /// Imports and declared dependencies of a layer's target point to its own layer or below, and
  /// what is imported is declared.
  static func arrowsPointDown(_ file: SourceFile, in house: House) -> [String] {
    guard let layer = file.layer, let name = file.target else { return [] }
    return file.imports.compactMap { module in
      guard let imported = house.target(module), let importedLayer = imported.layer else {
        return nil
      }
      if importedLayer > layer {
        return "\(file.path): \(layer.folder) imports \(module) of \(importedLayer.folder)"
      }
      if house.target(name)?.dependencies.contains(module) == false, module != name {
        return "\(file.path): \(name) imports \(module) without declaring it"
      }
      return nil
    }
  }

  static func arrowsPointDown(in house: House) -> [String] {
    house.targets.flatMap { target in
      target.dependencies.compactMap { name -> String? in
        guard let layer = target.layer, let below = house.target(name)?.layer, below > layer else {
          return nil
        }
        return "Package.swift: \(target.name) of \(layer.folder) depends on \(name) of "
          + below.folder
      }
    }
  }

  /// Within the layers too nothing goes in circles.
  static func noCycles(in house: House) -> [String] {
    var settled: Set<String> = []
    var rest = house.targets
    while let index = rest.firstIndex(where: { target in
      target.dependencies.allSatisfy { settled.contains($0) || house.target($0) == nil }
    }) {
      settled.insert(rest.remove(at: index).name)
    }
    return rest.isEmpty
      ? [] : ["Package.swift: a cycle among \(rest.map(\.name).joined(separator: ", "))"]
  }

  /// Each folder of a layer is a target of this name and path, and each target's folder is there.
  static func foldersAreTargets(_ folders: [String], in house: House) -> [String] {
    let paths = house.targets.filter { $0.layer != nil }.map(\.path)
    return folders.filter { !paths.contains($0) }.map { "\($0): no target of Package.swift" }
      + paths.filter { !folders.contains($0) }.map { "Package.swift: no folder \($0)" }
      + house.targets.filter { $0.layer != nil && !$0.path.hasSuffix("/\($0.name)") }
      .map { "Package.swift: \($0.name) lies in \($0.path)" }
  }

  static func targetsAreDescribed(in house: House, by architecture: String) -> [String] {
    house.targets.filter { $0.layer != nil && !architecture.contains("`\($0.name)`") }
      .map { "Sources/Architecture.md: does not name `\($0.name)`" }
  }

  static let topLevel = ["Package.swift", "README.md", "Sources", "Tests", "clusters", "scripts"]

  static func topLevelIsExact(_ names: [String]) -> [String] {
    names.filter { !Self.topLevel.contains($0) }.map { "\($0): not for the top level" }
      + Self.topLevel.filter { !names.contains($0) }.map { "\($0): missing" }
  }
}
