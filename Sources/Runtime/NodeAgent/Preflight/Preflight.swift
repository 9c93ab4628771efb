import Fleet
import FoundationEssentials
import GRPCCore
import Glibc
import Launch
import NIOCore
import NIOPosix
import NodeAPI
import SwiftProtobuf

/// Finds out what the node is and has. Whatever hangs on it is given up and reported: the answer
/// comes within 15 s.
struct Preflight<RunClock: Clock & Sendable>: Sendable where RunClock.Duration == Duration {
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
    let question: PreflightQuestion
    do {
      question = try CanonicalJSON.value(from: request.question)
    } catch {
      throw RPCError(code: .invalidArgument, message: "no question: \(error)")
    }
    let counts = [
      question.programs.count, question.ports.count, question.paths.count, question.peers.count,
      question.packages.count,
    ]
    guard counts.allSatisfy({ $0 <= PreflightQuestion.countMax }) else {
      throw RPCError(
        code: .invalidArgument,
        message: "a list has more than \(PreflightQuestion.countMax) entries")
    }
    let began = self.clock.now
    // The C locale, so that what programs say can be read.
    var variables = ReplicaEnvironment.variables(
      daemon: self.environment, declared: [], secrets: [:], marks: [])
    variables["LC_ALL"] = "C"
    let (environment, run) = (variables, self.identity.run)
    async let log = KernelLog.text(environment: environment, clock: self.clock)
    async let paths = self.paths(question.paths)
    async let python = self.python(question, environment)
    async let runs = self.bounded {
      (try? RunFolders(node: self.identity.node, environment: self.environment))?.size
    }
    async let ports = self.bounded { PortQuestion(ports: question.ports, run: run).answer() }
    var facts = await self.machine(question, environment)
    await GPUQuestion.ask(&facts, environment: environment, clock: self.clock) {
      RunMark.isOurs($0, run: run)
    }
    if facts.cuda.isEmpty {
      facts.cuda = await self.bounded { MachineFacts.toolkitVersion() } ?? ""
    }
    facts.xids = await log.map(KernelLog.xids)
    facts.paths = await paths
    for peer in question.peers { facts.addresses[peer] = await self.address(seenBy: peer) }
    if let found = await python { (facts.python, facts.packages) = found }
    facts.ports = await ports ?? []
    facts.runsBytes = await runs ?? nil
    let took = began.duration(to: self.clock.now) / .milliseconds(1)
    return try .with {
      $0.facts = Data(try CanonicalJSON.bytes(of: facts))
      $0.tookMilliseconds = UInt32(clamping: Int64(took))
      $0.clockMilliseconds = self.wallClockMilliseconds()
    }
  }

  private func bounded<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value? {
    await BoundedCall.run(within: Self.readTimeout, clock: self.clock, body)
  }

  private func machine(
    _ question: PreflightQuestion, _ environment: [String: String]
  ) async -> PreflightFacts {
    let facts = await self.bounded {
      var facts = PreflightFacts()
      MachineFacts.read(into: &facts)
      facts.missingPrograms = question.programs.filter { program in
        let path = program.searchPath.isEmpty ? environment["PATH"] ?? "" : program.searchPath
        return (try? ProgramSearch.path(of: program.name, searching: path)) == nil
      }.map(\.name)
      let user = environment["USER"] ?? environment["LOGNAME"] ?? ""
      facts.logoutKills = LogoutQuestion(user: user, isRoot: geteuid() == 0).killsProcesses
      return facts
    }
    return facts ?? PreflightFacts()
  }

  /// The address of this node that another one sees: a UDP socket that is connected chooses it, and no
  /// packet is sent.
  ///
  /// - Parameter peer: IPv4 or IPv6 in numbers; a name is not looked up.
  /// - Returns: `nil` where there is no way.
  private func address(seenBy peer: String) async -> String? {
    // Discard; nothing is sent to it.
    guard let address = try? SocketAddress(ipAddress: peer, port: 9),
      let channel = try? await DatagramBootstrap(group: self.group).connect(to: address).get()
    else { return nil }
    let own = channel.localAddress?.ipAddress
    try? await channel.close()
    return own
  }

  private func python(
    _ question: PreflightQuestion, _ environment: [String: String]
  ) async -> (String, [String: String])? {
    let path = question.programs.first { !$0.searchPath.isEmpty }?.searchPath
    let packages = PythonPackages(
      programs: question.programs.map(\.name), searchPath: path ?? environment["PATH"] ?? "",
      home: environment["HOME"] ?? "/", wanted: Set(question.packages))
    return await self.bounded { packages.answer() }
  }

  /// Each path on its own, and the folder of the run's state.
  private func paths(_ asked: [String]) async -> [PreflightFacts.Path] {
    let paths = asked + (asked.contains(self.stateFolder) ? [] : [self.stateFolder])
    let home = self.environment["HOME"] ?? "/"
    return await withTaskGroup(of: (Int, PreflightFacts.Path).self) { tasks in
      for (index, path) in paths.enumerated() {
        tasks.addTask {
          let answer = await self.bounded { PathQuestion(path: path, home: home).answer() }
          var hung = PreflightFacts.Path(path)
          hung.isHung = true
          return (index, answer ?? hung)
        }
      }
      var answers = paths.map { PreflightFacts.Path($0) }
      for await (index, answer) in tasks { answers[index] = answer }
      return answers
    }
  }
}
