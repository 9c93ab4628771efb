import CLinux
import Glibc

/// Tells file systems of this machine from those it shares with others.
enum FileSystemKind {
  /// Magic numbers as `statfs` gives them. Source: statfs(2) and linux/magic.h; BeeGFS, GPFS, Lustre
  /// and WekaFS from their own headers.
  private static let network: [UInt32] = [
    0x6969,  // NFS
    0xFF53_4D42,  // CIFS
    0xFE53_4D42,  // SMB 2 and later
    0x517B,  // SMB
    0x00C3_6400,  // Ceph
    0x0BD0_0BD0,  // Lustre
    0x1983_0326,  // BeeGFS
    0x4750_4653,  // GPFS
    0x5346_414F,  // AFS
    0x0102_1997,  // 9p
    0x1839_0BDF,  // WekaFS
  ]

  /// False where the file system cannot be asked.
  static func isNetwork(_ path: String) -> Bool {
    var status = statfs()
    guard statfs(path, &status) == 0 else { return false }
    return Self.network.contains(UInt32(truncatingIfNeeded: status.f_type))
  }
}
