import Glibc
import Launch
import OperatingSystem

/// What the kernel says of this machine and of what this process may use of it. Blocks.
enum MachineFacts {
  /// Empty where the kernel does not say.
  static var hostName: String { Self.text(Self.names.nodename) }

  private static var names: utsname {
    var names = utsname()
    uname(&names)
    return names
  }

  static func read(into facts: inout PreflightFacts) {
    facts.hostName = Self.hostName
    facts.bootID = ProcessTable.bootID
    facts.architecture = Self.text(Self.names.machine)
    facts.kernel = Self.text(Self.names.release)
    facts.cpus = Self.cpus()
    for line in Self.lines(of: "/proc/meminfo") {
      let words = line.split(separator: " ")
      guard words.count > 1, let size = Int(words[1]), size < 1 << 50 else { continue }
      if words[0] == "MemTotal:" { facts.memoryTotalBytes = size << 10 }
      if words[0] == "MemAvailable:" { facts.memoryAvailableBytes = size << 10 }
    }
    for line in Self.lines(of: "/proc/self/limits") {
      let words = line.split(separator: " ")
      if line.hasPrefix("Max open files"), words.count > 4 {
        facts.openFilesSoft = Self.limit(words[3])
        facts.openFilesHard = Self.limit(words[4])
      }
      if line.hasPrefix("Max processes"), words.count > 2 {
        facts.processesMax = Self.limit(words[2])
      }
    }
  }

  /// The toolkit's own, where the driver's is not known: `"cuda" : { … "version" : "12.8.0" }`.
  static func toolkitVersion() -> String {
    let text = Self.lines(of: "/usr/local/cuda/version.json").joined(separator: " ")
    guard let cuda = text.firstRange(of: "\"cuda\""),
      let key = text[cuda.upperBound...].firstRange(of: "\"version\"")
    else { return "" }
    return String(
      text[key.upperBound...].drop { !$0.isNumber }.prefix { $0.isNumber || $0 == "." })
  }

  private static func cpus() -> Double? {
    var count: Int?
    for line in Self.lines(of: "/proc/self/status") where line.hasPrefix("Cpus_allowed_list:") {
      let list = line.dropFirst(18).filter { $0 != "\t" && $0 != " " }
      count = list.split(separator: ",").reduce(0) { sum, part in
        let ends = part.split(separator: "-").compactMap { Int($0) }
        return sum + ((ends.last ?? 0) - (ends.first ?? 1) + 1)
      }
    }
    guard let count else { return nil }
    return min(Double(count), Self.quota() ?? .infinity)
  }

  /// The least of the quotas of this process's cgroup and those above it, in CPUs. Source: the
  /// kernel's cgroup-v2.rst, `cpu.max`.
  private static func quota() -> Double? {
    let own = Self.lines(of: "/proc/self/cgroup").first { $0.hasPrefix("0::/") }
    guard let own else { return nil }
    var path = String(own.dropFirst(3))
    var least: Double?
    while true {
      let words = Self.lines(of: "/sys/fs/cgroup\(path)/cpu.max").first?.split(separator: " ") ?? []
      if words.count == 2, let quota = Double(words[0]), let period = Double(words[1]), period > 0 {
        least = min(least ?? .infinity, quota / period)
      }
      guard let slash = path.lastIndex(of: "/"), !path.isEmpty else { return least }
      path = String(path[..<slash])
    }
  }

  private static func limit(_ word: Substring) -> UInt64? {
    word == "unlimited" ? .max : UInt64(word)
  }

  private static func lines(of path: String) -> [Substring] {
    let bytes = (try? PlainFile.read(path, sizeMax: 1 << 20)) ?? []
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
  }

  /// A field of `utsname`: characters up to a NUL.
  private static func text<Field>(_ field: Field) -> String {
    withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
