import GRPCCore
import Glibc
import NIOCore
import NIOPosix
import NodeAPI
import SwiftProtobuf

/// Finds out what the node is and has. Whatever hangs on it is given up and reported: the answer
/// comes within 15 s.
struct Preflight<RunClock: Clock & Sendable>: Sendable where RunClock.Duration == Duration {
  /// Of each list of a question: more than a plan asks of one node.
  private static var listCountMax: Int { 256 }
  /// For what is read from file systems, each on its own.
  private static var readTimeout: Duration { .seconds(5) }

  let identity: AgentIdentity
  let stateFolder: String
  /// Of the daemon; services and programs get what a service would inherit of it.
  let environment: [String: String]
  let group: any EventLoopGroup
  let clock: RunClock
  let wallClockMilliseconds: @Sendable () -> Int64

  func facts(_ request: Muster_V1_PreflightRequest) async throws -> Muster_V1_NodeFacts {
    let counts = [
      request.programs.count, request.ports.count, request.paths.count, request.peers.count,
      request.packages.count,
    ]
    guard counts.allSatisfy({ $0 <= Self.listCountMax }) else {
      throw RPCError(
        code: .invalidArgument, message: "a list has more than \(Self.listCountMax) entries")
    }
    let began = self.clock.now
    // The C locale, so that what programs say can be read.
    var variables = ReplicaEnvironment.variables(
      daemon: self.environment, declared: [], secrets: [:], marks: [])
    variables["LC_ALL"] = "C"
    let (environment, run) = (variables, self.identity.run)
    async let log = KernelLog.text(environment: environment, clock: self.clock)
    async let paths = self.paths(request.paths)
    async let python = self.python(request, environment)
    async let runs = self.bounded {
      (try? RunFolders(node: self.identity.node, environment: self.environment))?.size
    }
    async let ports = self.bounded {
      PortQuestion(ports: request.ports.map(Int.init), run: run).answer()
    }
    var facts = await self.machine(request, environment)
    await GPUQuestion.ask(&facts, environment: environment, clock: self.clock) {
      RunMark.isOurs($0, run: run)
    }
    if facts.cudaVersion.isEmpty {
      facts.cudaVersion = await self.bounded { MachineFacts.toolkitVersion() } ?? ""
    }
    if let log = await log {
      facts.xidsKnown = true
      facts.xids = KernelLog.xids(in: log)
    }
    facts.paths = await paths
    for peer in request.peers { facts.peers.append(await self.address(seenBy: peer)) }
    if let found = await python { (facts.python, facts.packages) = found }
    facts.ports = await ports ?? []
    if let size = await runs ?? nil { facts.runsBytes = UInt64(size) }
    let took = began.duration(to: self.clock.now).components
    facts.tookMilliseconds = UInt32(
      clamping: took.seconds * 1000 + took.attoseconds / 1_000_000_000_000_000)
    facts.clockMilliseconds = self.wallClockMilliseconds()
    return facts
  }

  private func bounded<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value? {
    await BoundedCall.run(within: Self.readTimeout, clock: self.clock, body)
  }

  private func machine(
    _ request: Muster_V1_PreflightRequest, _ environment: [String: String]
  ) async -> Muster_V1_NodeFacts {
    let facts = await self.bounded {
      var facts = Muster_V1_NodeFacts()
      MachineFacts.read(into: &facts)
      facts.missingPrograms = request.programs.filter { program in
        let path = program.path.isEmpty ? environment["PATH"] ?? "" : program.path
        return (try? ProgramSearch.path(of: program.name, searching: path)) == nil
      }.map(\.name)
      let user = environment["USER"] ?? environment["LOGNAME"] ?? ""
      let logout = LogoutQuestion(user: user, isRoot: geteuid() == 0)
      if let kills = logout.killsProcesses { facts.logoutKills = kills }
      return facts
    }
    return facts ?? Muster_V1_NodeFacts()
  }

  /// The address of this node that another one sees: a UDP socket that is connected chooses it, and no
  /// packet is sent.
  ///
  /// - Parameter peer: IPv4 or IPv6 in numbers; a name is not looked up.
  private func address(seenBy peer: String) async -> Muster_V1_PeerFacts {
    var facts = Muster_V1_PeerFacts.with { $0.peer = peer }
    // Discard; nothing is sent to it.
    if let address = try? SocketAddress(ipAddress: peer, port: 9),
      let channel = try? await DatagramBootstrap(group: self.group).connect(to: address).get()
    {
      facts.local = channel.localAddress?.ipAddress ?? ""
      try? await channel.close()
    }
    return facts
  }

  private func python(
    _ request: Muster_V1_PreflightRequest, _ environment: [String: String]
  ) async -> (String, [Muster_V1_PackageFacts])? {
    let programs = request.programs
    let path = programs.first { !$0.path.isEmpty }?.path ?? environment["PATH"] ?? ""
    let question = PythonPackages(
      programs: programs.map(\.name), searchPath: path, home: environment["HOME"] ?? "/",
      wanted: Set(request.packages))
    return await self.bounded { question.answer() }
  }

  /// Each path on its own, and the folder of the run's state.
  private func paths(_ asked: [String]) async -> [Muster_V1_PathFacts] {
    let paths = asked + (asked.contains(self.stateFolder) ? [] : [self.stateFolder])
    let home = self.environment["HOME"] ?? "/"
    return await withTaskGroup(of: (Int, Muster_V1_PathFacts).self) { tasks in
      for (index, path) in paths.enumerated() {
        tasks.addTask {
          let answer = await self.bounded { PathQuestion(path: path, home: home).answer() }
          let hung = Muster_V1_PathFacts.with {
            $0.path = path
            $0.hung = true
          }
          return (index, answer ?? hung)
        }
      }
      var answers = [Muster_V1_PathFacts](repeating: .init(), count: paths.count)
      for await (index, answer) in tasks { answers[index] = answer }
      return answers
    }
  }
}
