import Fleet
import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2TransportServices
import Glibc
import Health
import Launch
import NIOCore
import NIOPosix
import NodeAPI
import NodeAgent
import OperatingSystem
import Synchronization

/// A run of its own on this machine, served by the built `muster-node`, as a coordinator would see it.
final class TestAgent: Sendable {
  typealias Client = Muster_V1_Node.Client<HTTP2ClientTransport.WrappedChannel>

  private static let count = Atomic<Int>(0)

  let run: String
  let node = "n1"
  let folder: String

  /// - Parameter run: Its id; `nil`: a name that nothing else has.
  init(run: String? = nil) throws {
    // A daemon that a test kills takes the pipe with it.
    signal(SIGPIPE, SIG_IGN)
    let number = Self.count.add(1, ordering: .relaxed).newValue
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    self.run = run ?? "test-\(getpid())-\(number)-\(now.tv_sec)"
    self.folder = "/tmp/muster-tests-\(getpid())-\(number)"
    try PlainFile.makeFolders(self.folder)
  }

  /// Beside the test bundle, unless `MUSTER_NODE_PROGRAM` names another, such as a static one.
  static var program: String {
    get throws {
      if let program = getenv("MUSTER_NODE_PROGRAM") { return String(cString: program) }
      let path = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
      return path.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/muster-node"
    }
  }

  /// In front of the PATH; there only if a test makes it.
  var programFolder: String { "\(self.folder)/bin" }

  var environment: [String: String] {
    [
      "HOME": self.folder, "PATH": "\(self.programFolder):/usr/local/bin:/usr/bin:/bin",
      "XDG_STATE_HOME": "\(self.folder)/state",
    ]
  }

  var stateFolder: String { "\(self.folder)/state/muster/runs/\(self.run)/\(self.node)" }
  var mark: String { "MUSTER_RUN=\(self.run)/\(self.node)" }

  /// Every process of the run that lives, without its daemon and holders.
  var processes: [ProcessStat] {
    ProcessTable.all().filter {
      $0.name != "muster-node"
        && ProcessTable.environment(of: $0.identity.processID, contains: [self.mark])
    }
  }

  /// Starts `muster-node connect`, checks the preface, and talks gRPC over its pipes.
  func link<Result: Sendable>(
    _ body: @Sendable (Client) async throws -> Result
  ) async throws -> Result {
    try await self.talk(to: ["connect", "--run", self.run, "--node", self.node]) { client in
      try await body(Client(wrapping: client))
    }
  }

  /// Starts `muster-node errand`, and the same.
  func errand<Result: Sendable>(
    _ body:
      @Sendable (Muster_V1_Errands.Client<HTTP2ClientTransport.WrappedChannel>) async throws
      -> Result
  ) async throws -> Result {
    try await self.talk(to: ["errand", "--node", self.node]) { client in
      try await body(Muster_V1_Errands.Client(wrapping: client))
    }
  }

  private func talk<Result: Sendable>(
    to words: [String],
    _ body: @Sendable (GRPCClient<HTTP2ClientTransport.WrappedChannel>) async throws -> Result
  ) async throws -> Result {
    let (input, output) = try self.spawn(words)
    let transport = try await HTTP2ClientTransport.WrappedChannel.wrapping(config: .defaults) {
      configure in
      try await NIOPipeBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .takingOwnershipOfDescriptors(input: input, output: output) { configure($0) }
    }
    return try await withGRPCClient(transport: transport) { try await body($0) }
  }

  /// The same, with the run claimed.
  func claimedLink<Result: Sendable>(
    secrets: [String: String] = [:], _ body: @Sendable (Client) async throws -> Result
  ) async throws -> Result {
    try await self.link { node in
      var attach = self.attachment()
      attach.secrets = secrets
      _ = try await node.attach(attach)
      return try await body(node)
    }
  }

  func attachment(epoch: UInt64 = 1, name: String = "tester@here:1") -> Muster_V1_AttachRequest {
    var request = Muster_V1_AttachRequest()
    request.protocolVersion = AgentPreface.protocolVersion
    request.epoch = epoch
    request.coordinator = name
    return request
  }

  /// Ends what is left of it, with the force a test may use on what it started.
  func destroy() {
    for process in ProcessTable.all() {
      let arguments =
        (try? PlainFile.read("/proc/\(process.identity.processID)/cmdline", sizeMax: 4096)) ?? []
      let isDaemon = String(decoding: arguments, as: UTF8.self).contains("\0--run\0\(self.run)\0")
      let isOurs = ProcessTable.environment(
        of: process.identity.processID, contains: [self.mark])
      if isDaemon || isOurs { ProcessTable.send(SIGKILL, to: process.identity) }
    }
    if let identity = try? AgentIdentity(run: self.run, node: self.node) {
      (try? RuntimeFolder.make(for: identity))?.remove()
    }
    try? FileManager.default.removeItem(atPath: self.folder)
  }

  func spawnConnect() throws -> (input: CInt, output: CInt) {
    try self.spawn(["connect", "--run", self.run, "--node", self.node])
  }

  /// - Returns: Descriptors to read from and to write to, past the preface.
  private func spawn(_ arguments: [String]) throws -> (input: CInt, output: CInt) {
    var (down, up): ([CInt], [CInt]) = ([-1, -1], [-1, -1])
    guard pipe(&down) == 0, pipe(&up) == 0 else { throw TestFailure("pipe") }
    for end in down + up { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, down[0], 0)
    posix_spawn_file_actions_adddup2(&actions, up[1], 1)
    var process: pid_t = 0
    let program = try Self.program
    var argv: [UnsafeMutablePointer<CChar>?] =
      (["muster-node"] + arguments).map { strdup($0) } + [nil]
    var variables: [UnsafeMutablePointer<CChar>?] =
      self.environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for word in argv + variables { free(word) } }
    let code = posix_spawn(&process, program, &actions, nil, &argv, &variables)
    close(down[0])
    close(up[1])
    guard code == 0 else { throw TestFailure("start \(program): \(code)") }
    var preface: [UInt8] = []
    var byte: UInt8 = 0
    while preface.last != UInt8(ascii: "\n"), read(up[0], &byte, 1) == 1 { preface.append(byte) }
    guard preface.elementsEqual("muster-node 1\n".utf8) else {
      throw TestFailure("preface: \(String(decoding: preface, as: UTF8.self))")
    }
    return (up[0], down[1])
  }
}

struct TestFailure: Error {
  var text: String

  init(_ text: String) { self.text = text }
}

extension ReplicaSpecification {
  /// A shell script as a replica, ready when it has lived for 2 s.
  init(_ service: String, script: String, grace: Int = 5) {
    self.init(
      key: ReplicaKey(service: service, index: 0),
      launch: LaunchSpecification(
        argv: ["/bin/sh", "-c", script], readyTimeoutSeconds: 30, stopGraceSeconds: grace))
  }
}

extension TestAgent.Client {
  /// Starts one replica and waits until its status is as `wanted` says.
  func start(
    _ replica: ReplicaSpecification,
    until wanted: @Sendable @escaping (ReplicaStatus) -> Bool
  ) async throws -> ReplicaStatus {
    var request = Muster_V1_StartRequest()
    request.replicas = [Data(try replica.json())]
    _ = try await self.start(request)
    return try await self.wait(for: replica.key.service, until: wanted)
  }

  func wait(
    for service: String, until wanted: @Sendable @escaping (ReplicaStatus) -> Bool
  ) async throws -> ReplicaStatus {
    var options = CallOptions.defaults
    options.timeout = .seconds(40)
    return try await self.watch(Muster_V1_WatchRequest(), options: options) { response in
      for try await message in response.messages {
        if let status = ReplicaStatus(message), status.key.service == service, wanted(status) {
          return status
        }
      }
      throw TestFailure("\(service) was not seen as wanted")
    }
  }

  func stopAll() async throws -> Muster_V1_StopResponse {
    try await self.stop(Muster_V1_StopRequest())
  }
}

extension Muster_V1_StopResponse {
  var statuses: [ReplicaStatus] { self.replicas.compactMap { ReplicaStatus($0) } }
}
