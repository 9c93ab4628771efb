import Glibc
import SSH

/// Private keys as their files have them.
enum IdentityFiles {
  /// Sorts the files into keys that can be tried and others, both in their order.
  static func read(_ files: [String]) -> (keys: [SSHPrivateKey], unusable: [SSHRefusal.Unusable]) {
    var keys: [SSHPrivateKey] = []
    var unusable: [SSHRefusal.Unusable] = []
    for file in files {
      do throws(SSHPrivateKey.Fault) {
        keys.append(try Self.key(in: file))
      } catch {
        unusable.append(.init(file: file, fault: error))
      }
    }
    return (keys, unusable)
  }

  private static func key(in file: String) throws(SSHPrivateKey.Fault) -> SSHPrivateKey {
    guard let bytes = SmallFile.contents(of: file, sizeMax: SSHPrivateKey.sizeMax + 1) else {
      throw .unreadable(String(cString: strerror(errno)))
    }
    return try SSHPrivateKey(file: file, text: String(decoding: bytes, as: UTF8.self))
  }
}
