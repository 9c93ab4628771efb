import CLinux
import Glibc
import OperatingSystem

/// What a process gets of its machine, set in the holder before it starts the process.
enum ProcessLimits {
  /// Enough for a server with many connections; some programs close every number up to the limit.
  private static let openFileCountMax: rlim_t = 1 << 20
  private static let coreCountMax = 1024
  private static let openFiles = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  private static let lockedMemory = __rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue)

  /// Raises the soft limits of open files and locked memory as far as they may be: logins get 1,024
  /// files, which a server of many connections exceeds, and NCCL locks memory.
  static func raise() {
    var limit = rlimit()
    if getrlimit(Self.openFiles, &limit) == 0 {
      limit.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, Self.openFileCountMax))
      setrlimit(Self.openFiles, &limit)
    }
    if getrlimit(Self.lockedMemory, &limit) == 0 {
      limit.rlim_cur = limit.rlim_max
      setrlimit(Self.lockedMemory, &limit)
    }
  }

  /// Restricts this process to part `index` of `count` equal parts of its cores; where there are fewer
  /// cores than parts, several share one.
  ///
  /// - Returns: The cores that it keeps.
  static func keepToCores(part index: Int, of count: Int) throws(SystemFault) -> [Int] {
    var cores = [UInt8](repeating: 0, count: Self.coreCountMax)
    try SystemFault.check("read the cores of this process") {
      clinux_get_affinity(&cores, CInt(cores.count))
    }
    let own = Self.part(index, of: count, cores: cores.indices.filter { cores[$0] != 0 })
    for core in cores.indices { cores[core] = own.contains(core) ? 1 : 0 }
    try SystemFault.check("keep to cores \(own)") {
      clinux_set_affinity(&cores, CInt(cores.count))
    }
    return own
  }

  /// Neighbours stay together: they share caches.
  static func part(_ index: Int, of count: Int, cores: [Int]) -> [Int] {
    guard cores.count >= count else { return cores.isEmpty ? [] : [cores[index % cores.count]] }
    return Array(cores[index * cores.count / count..<(index + 1) * cores.count / count])
  }
}
