import GRPCCore
import NodeAPI

/// What the description of a replica must be before it is started.
enum SpecCheck {
  static func check(_ spec: Muster_V1_ReplicaSpec) throws(RPCError) {
    func refuse(_ reason: String) -> RPCError {
      RPCError(code: .invalidArgument, message: "replica \(spec.service)-\(spec.index): \(reason)")
    }
    // The folder's name has the index, too.
    guard AgentIdentity.isName("\(spec.service)-\(spec.index)"), !spec.service.isEmpty else {
      throw refuse("the service's name cannot name a folder")
    }
    guard let program = spec.argv.first, !program.isEmpty else { throw refuse("no program") }
    let lists = [
      spec.argv.count, spec.environment.count, spec.secrets.count, spec.progressMarks.count,
      spec.ports.count, spec.folders.count,
    ]
    guard lists.allSatisfy({ $0 <= NodeLimits.listCountMax }) else {
      throw refuse("a list has more than \(NodeLimits.listCountMax) entries")
    }
    let words = spec.argv + spec.environment.flatMap { [$0.name, $0.value] } + spec.secrets
    guard words.reduce(0, { $0 + $1.utf8.count + 1 }) <= NodeLimits.launchSizeMax else {
      throw refuse("arguments and environment have more than \(NodeLimits.launchSizeMax) bytes")
    }
    guard (words + spec.folders + [spec.folder]).allSatisfy({ !$0.utf8.contains(0) }) else {
      throw refuse("a NUL in an argument, a variable or a folder")
    }
    for name in spec.environment.map(\.name) + spec.secrets where !Self.isVariable(name) {
      throw refuse("`\(name)` cannot name a variable")
    }
    let isHome = spec.folder.isEmpty || spec.folder == "~" || spec.folder.hasPrefix("~/")
    guard spec.folders.allSatisfy({ $0.hasPrefix("/") }), isHome || spec.folder.hasPrefix("/")
    else { throw refuse("a folder is not an absolute path") }
    guard (1...86_400).contains(spec.readyTimeoutSeconds), spec.stopGraceSeconds <= 3600 else {
      throw refuse("ready_timeout_seconds is 1 to 86400, stop_grace_seconds 0 to 3600")
    }
    guard spec.restartCountMax <= 1000 else { throw refuse("restart_count_max is 0 to 1000") }
    guard !spec.hasCores || (1...1024).contains(spec.cores.count),
      spec.cores.index < max(1, spec.cores.count)
    else { throw refuse("cores are part index of count, 1 to 1024") }
    guard !spec.hasMetrics || (1...65_535).contains(spec.metrics.port),
      !spec.hasMetrics || HTTPProbeRequest.isPath(spec.metrics.path)
    else { throw refuse("metrics need a port and a path") }
    guard spec.ports.allSatisfy({ (1...65_535).contains($0) }) else {
      throw refuse("a port is not 1 to 65535")
    }
    try Self.check(spec.probe, refuse)
  }

  private static func check(
    _ probe: Muster_V1_Probe, _ refuse: (String) -> RPCError
  ) throws(RPCError) {
    let port: UInt32?
    switch probe.kind {
    case .http(let http):
      port = http.port
      guard HTTPProbeRequest.isPath(http.path) else {
        throw refuse("`\(http.path)` is not the path of a request")
      }
    case .tcp(let tcp): port = tcp.port
    case .canary(let canary): port = canary.port
    case .log(let log):
      port = nil
      guard !log.contains.isEmpty else { throw refuse("a log probe without a text") }
    case .exec(let exec):
      port = nil
      guard exec.argv.first?.isEmpty == false,
        exec.argv.allSatisfy({ !$0.utf8.contains(0) })
      else { throw refuse("an exec probe without a program") }
    case nil: port = nil
    }
    if let port, !(1...65_535).contains(port) { throw refuse("the probe's port is \(port)") }
  }

  private static func isVariable(_ name: String) -> Bool {
    guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return name.utf8.allSatisfy { byte in
      byte == UInt8(ascii: "_") || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
        || (0x61...0x7A).contains(byte)
    }
  }
}
