/// The environment of a process as the kernel shows it: `NAME=value`, each ended by NUL.
package enum EnvironmentBlock {
  /// What the kernel allows for arguments and environment together by default, and more than any
  /// that was seen.
  package static let sizeMax = 2 << 20

  /// The variables of this process, as it was started.
  package static func ofThisProcess() -> [String: String] {
    let bytes = (try? PlainFile.read("/proc/self/environ", sizeMax: Self.sizeMax)) ?? []
    return Self.parse(bytes)
  }

  /// The first of several of one name wins, as in C; entries without `=` are left out.
  package static func parse(_ bytes: [UInt8]) -> [String: String] {
    var variables: [String: String] = [:]
    for entry in bytes.split(separator: 0) {
      guard let sign = entry.dropFirst().firstIndex(of: UInt8(ascii: "=")) else { continue }
      let name = String(decoding: entry[..<sign], as: UTF8.self)
      if variables[name] != nil { continue }
      variables[name] = String(decoding: entry[(sign + 1)...], as: UTF8.self)
    }
    return variables
  }

  /// Whether the block holds exactly `NAME=value` as one entry.
  static func contains(_ entry: String, in bytes: [UInt8]) -> Bool {
    bytes.split(separator: 0).contains { $0.elementsEqual(entry.utf8) }
  }
}
