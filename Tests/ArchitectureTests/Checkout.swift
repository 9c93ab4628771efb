import Foundation

/// The checkout that these tests were built from, as it lies on the disk.
struct Checkout {
  let root: URL

  /// - Parameter testFile: A file in `Tests/<Target>`.
  init(testFile: String = #filePath) {
    self.init(
      root: URL(fileURLWithPath: testFile)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent())
  }

  init(root: URL) {
    self.root = root
  }

  /// Names in the root that are neither hidden nor ignored by git.
  func topLevel() throws -> [String] {
    let ignored = try self.ignoredNames()
    return try FileManager.default.contentsOfDirectory(atPath: self.root.path).sorted()
      .filter { !$0.hasPrefix(".") && !ignored.matches($0) }
  }

  /// Every text file that git could hold, with its path from the root: hidden ones of ours too.
  func files() throws -> [SourceFile] {
    let ignored = try self.ignoredNames()
    let names = try FileManager.default.contentsOfDirectory(atPath: self.root.path).sorted()
    return try names.filter { $0 != ".git" && $0 != "Package.resolved" && !ignored.matches($0) }
      .flatMap { try self.files(at: $0, ignored) }
  }

  private func files(at path: String, _ ignored: IgnoredNames) throws -> [SourceFile] {
    let url = self.root.appendingPathComponent(path)
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
      return []
    }
    if isFolder.boolValue {
      return try FileManager.default.contentsOfDirectory(atPath: url.path).sorted()
        .filter { !ignored.matches($0) }
        .flatMap { try self.files(at: "\(path)/\($0)", ignored) }
    }
    guard let text = String(data: try Data(contentsOf: url), encoding: .utf8) else { return [] }
    return [SourceFile(path, text)]
  }

  /// Names of folders in `path`.
  func folders(in path: String) throws -> [String] {
    let url = self.root.appendingPathComponent(path)
    return try FileManager.default.contentsOfDirectory(atPath: url.path).sorted().filter { name in
      var isFolder: ObjCBool = false
      let path = url.appendingPathComponent(name).path
      return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        && isFolder.boolValue
    }
  }

  func text(_ path: String) throws -> String {
    try String(contentsOf: self.root.appendingPathComponent(path), encoding: .utf8)
  }

  private func ignoredNames() throws -> IgnoredNames {
    IgnoredNames(gitignore: try self.text(".gitignore"))
  }
}

/// The names that `.gitignore` lists, as far as this one needs it: whole names, and `*` at either
/// end.
struct IgnoredNames {
  private let patterns: [String]

  init(gitignore: String) {
    self.patterns = gitignore.split(separator: "\n").map { line in
      line.trimmingCharacters(in: CharacterSet(charactersIn: " /"))
    }.filter { !$0.isEmpty && !$0.hasPrefix("#") }
  }

  func matches(_ name: String) -> Bool {
    self.patterns.contains { pattern in
      if pattern.hasPrefix("*") { return name.hasSuffix(pattern.dropFirst()) }
      if pattern.hasSuffix("*") { return name.hasPrefix(pattern.dropLast()) }
      return name == pattern
    }
  }
}
