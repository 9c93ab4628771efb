import FoundationEssentials
import Glibc

/// Who this process is, to agents and to people.
enum CoordinatorIdentity {
  /// `user@host pid N`.
  static var name: String {
    let user = getpwuid(getuid()).flatMap { $0.pointee.pw_name }.map { String(cString: $0) }
    return "\(user ?? "uid \(getuid())")@\(Self.hostName) pid \(getpid())"
  }

  static var hostName: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
    return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// Milliseconds since 1970: this coordinator's epoch.
  static var nowMilliseconds: UInt64 {
    UInt64(max(0, Date().timeIntervalSince1970 * 1000))
  }
}
