import CLinux
import Glibc
import Launch
import OperatingSystem

/// A file system and where it is mounted from, in the words of mountinfo; empty: unknown.
struct Mount: Equatable, Sendable {
  /// `ext4`, `nfs4`.
  var kind = ""
  /// `/dev/sda1`, `nas:/export`.
  var source = ""
}

/// What lies under a path of the plan. Blocks.
struct PathQuestion: Sendable {
  /// File systems of other machines by the names in mountinfo, where the magic number is that of
  /// FUSE or unknown.
  private static let networkNames: Set<String> = [
    "afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.juicefs", "fuse.s3fs", "fuse.sshfs",
    "gpfs", "lustre", "nfs", "nfs4", "smb3", "wekafs",
  ]

  /// As it was asked for; `~` is ``home``.
  let path: String
  let home: String

  func answer() -> PreflightFacts.Path {
    let wanted = self.path.hasPrefix("~") ? self.home + self.path.dropFirst() : self.path
    var place = wanted
    while access(place, F_OK) != 0, place != "/", !place.isEmpty {
      place = PlainFile.folder(of: place)
    }
    let mount = Self.mount(of: place)
    var facts = PreflightFacts.Path(self.path, fileSystem: mount.kind)
    facts.exists = place == wanted
    facts.isNetwork = Self.isNetwork(place, mount)
    facts.isWritable = access(place, W_OK) == 0
    var status = statfs()
    // Those without a size, such as /proc, have none to be short of.
    if statfs(place, &status) == 0, status.f_blocks > 0 {
      let size = { (blocks: UInt64) in
        let bytes = blocks &* UInt64(max(0, status.f_bsize))
        return Int(min(bytes, UInt64(PreflightFacts.numberMax)))
      }
      facts.freeBytes = size(UInt64(status.f_bavail))
      facts.totalBytes = size(UInt64(status.f_blocks))
    }
    return facts
  }

  /// Where a path is mounted from, if it is on a file system of other machines; else `nil`.
  static func networkMount(of path: String) -> Mount? {
    let mount = Self.mount(of: path)
    return Self.isNetwork(path, mount) && !mount.source.isEmpty ? mount : nil
  }

  private static func isNetwork(_ path: String, _ mount: Mount) -> Bool {
    FileSystemKind.isNetwork(path) || Self.networkNames.contains(mount.kind)
  }

  /// The file system, by the mount point that is the longest beginning of the path.
  private static func mount(of path: String) -> Mount {
    guard let table = try? PlainFile.read("/proc/self/mountinfo", sizeMax: 4 << 20),
      let resolved = realpath(path, nil)
    else { return Mount() }
    defer { free(resolved) }
    return Self.mount(of: String(cString: resolved), in: String(decoding: table, as: UTF8.self))
  }

  /// Lines as `36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw`. Source: proc(5).
  static func mount(of path: String, in table: String) -> Mount {
    var best = (length: -1, mount: Mount())
    for line in table.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), fields.count > dash + 1, fields.count > 4
      else { continue }
      let point = Self.unescaped(fields[4])
      let isAbove = point == "/" || path == point || path.hasPrefix("\(point)/")
      // Of two mounts on one point the later one hides the other.
      if isAbove, point.utf8.count >= best.length {
        let source = fields.count > dash + 2 ? Self.unescaped(fields[dash + 2]) : ""
        best = (point.utf8.count, Mount(kind: String(fields[dash + 1]), source: source))
      }
    }
    return best.mount
  }

  /// Blanks in mount points and sources are written in octal.
  private static func unescaped(_ point: Substring) -> String {
    point.contains("\\")
      ? String(point).replacing("\\040", with: " ").replacing("\\011", with: "\t") : String(point)
  }
}

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
