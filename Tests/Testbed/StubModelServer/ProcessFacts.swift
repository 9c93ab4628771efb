import FoundationEssentials
import Glibc

/// What the kernel says of this process, read as `prometheus_client` reads it.
struct ProcessFacts {
  let virtualBytes: Double
  let residentBytes: Double
  /// Seconds since 1970.
  let startTime: Double
  let cpuSeconds: Double
  let openFiles: Double
  let maxFiles: Double

  init() {
    // Fields from the third on: the second, in parentheses, may hold spaces.
    let fields =
      Self.text("/proc/self/stat").split(separator: ")").last?.split(separator: " ") ?? []
    func field(_ number: Int) -> Double {
      fields.indices.contains(number - 3) ? Double(fields[number - 3]) ?? 0 : 0
    }
    let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
    cpuSeconds = (field(14) + field(15)) / ticks
    startTime = Self.bootTime + field(22) / ticks
    virtualBytes = field(23)
    residentBytes = field(24) * Double(sysconf(Int32(_SC_PAGESIZE)))
    let names = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
    openFiles = Double(names?.count ?? 0)
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    maxFiles = Double(limit.rlim_cur)
  }

  /// Seconds since 1970.
  static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private static var bootTime: Double {
    let line = text("/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }
    return line.flatMap { Double($0.dropFirst(6)) } ?? 0
  }

  private static func text(_ path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
  }
}
