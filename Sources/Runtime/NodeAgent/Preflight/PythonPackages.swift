import Glibc
import OperatingSystem

/// The versions of what an engine is made of, read from what the installers wrote: no Python is
/// started, whose imports take seconds and may fail. Blocks.
struct PythonPackages: Sendable {
  private static let metadataSizeMax = 16 << 10

  /// The programs of the services; the first that is a Python script tells the interpreter.
  let programs: [String]
  let searchPath: String
  let home: String
  /// Normalized names. Source: the PyPA specification "Names and normalization".
  let wanted: Set<String>

  /// - Returns: The interpreter, empty where there is none, and its packages, version by name.
  func answer() -> (python: String, packages: [String: String]) {
    let paths = self.programs.compactMap {
      try? ProgramSearch.path(of: $0, searching: self.searchPath)
    }
    let own = try? ProgramSearch.path(of: "python3", searching: self.searchPath)
    for python in paths.compactMap(Self.interpreter) + [own].compactMap(\.self) {
      var packages = self.packages(of: python)
      if packages.isEmpty, let resolved = realpath(python, nil) {
        defer { free(resolved) }
        packages = self.packages(of: String(cString: resolved))
      }
      if !packages.isEmpty { return (python, packages) }
    }
    return (own ?? "", [:])
  }

  /// Of a script: `#!/x/bin/python3`, or for long paths the form that pip writes,
  /// `#!/bin/sh` and then `'''exec' /x/bin/python3 "$0" "$@"`.
  static func interpreter(of script: String) -> String? {
    guard let bytes = try? PlainFile.read(script, sizeMax: 4096), bytes.starts(with: "#!".utf8)
    else { return nil }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", maxSplits: 2)
    var words = lines[0].dropFirst(2).split(separator: " ")
    if lines.count > 1, lines[1].hasPrefix("'''exec'") {
      words = lines[1].split(separator: " ").dropFirst().map { $0.filter { $0 != "\"" } }
        .map { Substring($0) }
    }
    guard let program = words.first, program.hasPrefix("/"), program.contains("/python") else {
      return nil
    }
    return String(program)
  }

  private func packages(of python: String) -> [String: String] {
    var found: [String: String] = [:]
    for folder in self.folders(of: python) {
      for name in (try? PlainFile.names(in: folder)) ?? [] where name.hasSuffix(".dist-info") {
        let package = Self.normalized(name.prefix { $0 != "-" })
        guard self.wanted.contains(package), found[package] == nil else { continue }
        found[package] = Self.version(in: "\(folder)/\(name)/METADATA")
      }
    }
    return found
  }

  /// In the order in which Python looks.
  private func folders(of python: String) -> [String] {
    let prefix = PlainFile.folder(of: PlainFile.folder(of: python))
    var folders: [String] = []
    for base in ["\(self.home)/.local/lib", "\(prefix)/lib", "\(prefix)/local/lib"] {
      for version in (try? PlainFile.names(in: base)) ?? [] where version.hasPrefix("python3") {
        folders += ["\(base)/\(version)/site-packages", "\(base)/\(version)/dist-packages"]
      }
    }
    return folders
  }

  private static func version(in metadata: String) -> String? {
    guard let bytes = try? PlainFile.read(metadata, sizeMax: Self.metadataSizeMax) else {
      return nil
    }
    for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
    where line.hasPrefix("Version:") {
      return String(line.dropFirst(8).drop { $0 == " " }.prefix(100))
    }
    return nil
  }

  private static func normalized(_ name: Substring) -> String {
    String(name.lowercased().map { $0 == "_" || $0 == "." ? "-" : $0 })
  }
}
