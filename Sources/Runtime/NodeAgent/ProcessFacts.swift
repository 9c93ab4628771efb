import Glibc

/// What this process knows about itself and its machine.
enum ProcessFacts {
  static func hostName() -> String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "" }
    return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// Changes with every start of the machine; empty where it cannot be read.
  static func bootID() -> String {
    let bytes = (try? PlainFile.read("/proc/sys/kernel/random/boot_id", sizeMax: 64)) ?? []
    return String(decoding: bytes.filter { $0 > UInt8(ascii: " ") }, as: UTF8.self)
  }
}
