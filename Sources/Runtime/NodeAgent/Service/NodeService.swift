import Fleet
import FoundationEssentials
import GRPCCore
import Glibc
import Health
import Launch
import NodeAPI
import SwiftProtobuf

/// Answers the calls of node.proto: checks what comes in, asks who may, and passes on.
struct NodeService<RunClock: Clock & Sendable>: Muster_V1_Node.SimpleServiceProtocol
where RunClock.Duration == Duration {
  /// Carries one stream of work out, until the stream or the task ends.
  typealias Worker =
    @Sendable (
      RPCAsyncSequence<Muster_V1_WorkOrder, any Error>, RPCWriter<Muster_V1_WorkReport>
    ) async throws -> Void

  /// Looks, ten a second, at whether the coordinator that is yielded to is still at work.
  private static var yieldLookCount: Int { 20 }

  let session: RunSession
  let supervisor: HostSupervisor<RunClock>
  let logs: LogStream<RunClock>
  let events: EventLog
  let scrapes: ScrapeStream<RunClock>
  let preflight: Preflight<RunClock>
  let gpuMemory: GPUMemoryProof<RunClock>
  let worker: Worker

  /// Of every replica, in the order of the keys.
  private var statuses: [Muster_V1_ReplicaStatus] {
    self.supervisor.board.all.map { Muster_V1_ReplicaStatus($0) }
  }

  func attach(
    request: Muster_V1_AttachRequest, context: ServerContext
  ) async throws -> Muster_V1_AttachResponse {
    try request.check()
    if request.observe {
      self.session.observe(from: context.remotePeer)
    } else {
      guard !self.session.isFarAhead(request.epoch) else {
        throw RPCError(
          code: .failedPrecondition,
          message: "the coordinator's clock is more than a day ahead of this node's: set it right")
      }
      let claimant = RunClaim.Holder(epoch: request.epoch, coordinator: request.coordinator)
      var refusal: RunClaim.Holder?
      // One that has just ended may have a link that has not.
      for patience in (0..<Self.yieldLookCount).reversed() {
        refusal = self.session.claim(
          claimant, from: context.remotePeer, yields: request.yields, plan: Array(request.plan),
          secrets: request.secrets)
        if refusal == nil || !request.yields || patience == 0 { break }
        try await self.logs.clock.sleep(for: .milliseconds(100))
      }
      if let refusal {
        if refusal.epoch >= claimant.epoch { throw RPCError(supersededBy: refusal) }
        throw RPCError(code: .alreadyExists, message: "the run is held by \(refusal)")
      }
    }
    return .with {
      $0.protocolVersion = AgentPreface.protocolVersion
      $0.hostName = MachineFacts.hostName
      $0.processID = Int64(getpid())
      $0.startedAtMilliseconds = self.session.startedAtMilliseconds
      $0.stateFolder = self.session.folder.path
      $0.planSha256 = self.session.planDigest
      let holder = self.session.holder
      $0.holder = holder?.coordinator ?? ""
      $0.holderEpoch = holder?.epoch ?? 0
      $0.run = self.session.identity.run
      $0.replicas = self.statuses
    }
  }

  func plan(
    request: Muster_V1_PlanRequest, response: RPCWriter<Muster_V1_PlanChunk>,
    context: ServerContext
  ) async throws {
    var rest = self.session.plan[...]
    while !rest.isEmpty {
      let chunk = rest.prefix(AgentMessages.chunkSizeMax)
      try await response.write(.with { $0.data = Data(chunk) })
      rest = rest.dropFirst(chunk.count)
    }
  }

  func start(
    request: Muster_V1_StartRequest, context: ServerContext
  ) async throws -> Muster_V1_StartResponse {
    let starter = try self.session.requireClaim(of: context)
    let replicas = try request.replicas.map { json in
      do { return try ReplicaSpecification(json: Array(json)) } catch {
        throw RPCError.invalid("\(error)")
      }
    }
    guard self.supervisor.count(with: replicas) <= NodeLimits.replicaCountMax else {
      throw RPCError(
        code: .resourceExhausted,
        message: "a node has at most \(NodeLimits.replicaCountMax) replicas")
    }
    let (secrets, missing) = self.session.secrets(
      named: Set(replicas.flatMap(\.launch.secrets)).sorted())
    guard missing.isEmpty else {
      throw RPCError(
        code: .failedPrecondition,
        message: "needs secrets: \(missing.joined(separator: ", ")); the daemon keeps them in "
          + "memory only: attach with them")
    }
    try await self.supervisor.start(replicas, secrets: secrets, by: starter.epoch) {
      try self.session.requireClaim(of: context)
    }
    return .with { $0.replicas = self.statuses }
  }

  func watch(
    request: Muster_V1_WatchRequest, response: RPCWriter<Muster_V1_ReplicaStatus>,
    context: ServerContext
  ) async throws {
    try await self.session.working(at: context.remotePeer) {
      try await context.untilCallerGoes {
        try await self.supervisor.board.follow { status in
          try await response.write(Muster_V1_ReplicaStatus(status))
        }
      }
    }
  }

  func logs(
    request: Muster_V1_LogsRequest, response: RPCWriter<Muster_V1_LogChunk>, context: ServerContext
  ) async throws {
    try await context.untilCallerGoes { try await self.logs.send(request, to: response) }
  }

  func preflight(
    request: Muster_V1_PreflightRequest, context: ServerContext
  ) async throws -> Muster_V1_NodeFacts {
    try await self.preflight.facts(request)
  }

  func events(
    request: Muster_V1_EventsRequest, response: RPCWriter<Muster_V1_NodeEvent>,
    context: ServerContext
  ) async throws {
    try await context.untilCallerGoes {
      var sequence = request.after
      for await _ in self.events.bell.rings() {
        for event in self.events.events(after: sequence) {
          try await response.write(event)
          sequence = event.sequence
        }
        if !request.follow { return }
      }
    }
  }

  func scrape(
    request: Muster_V1_ScrapeRequest, response: RPCWriter<Muster_V1_ScrapeReport>,
    context: ServerContext
  ) async throws {
    try await context.untilCallerGoes { try await self.scrapes.send(request, to: response) }
  }

  func stop(
    request: Muster_V1_StopRequest, context: ServerContext
  ) async throws -> Muster_V1_StopResponse {
    let holder = try self.session.requireClaim(of: context)
    let order = StopOrder(
      services: Set(request.services),
      replicas: Set(try request.replicas.map { try ReplicaKey(naming: $0) }),
      starter: request.own ? holder.epoch : nil)
    let holders = await self.gpuMemory.holders()
    var remains = await self.supervisor.stop(order)
    // Whoever has the run by now may have started what bears the same marks.
    try self.session.requireClaim(of: context)
    remains.leftovers += await self.sweep(after: order)
    remains.leftovers += await self.gpuMemory.leftovers(of: holders)
    // The caller has gone: what was told to stop stops all the same.
    try Task.checkCancellation()
    return .with {
      $0.leftovers = remains.leftovers
      $0.foreign = remains.foreign
      $0.replicas = self.statuses
    }
  }

  /// Ends what bears the marks of what was stopped, and is kept by nobody.
  ///
  /// - Returns: What has not gone, in words.
  private func sweep(after order: StopOrder) async -> [String] {
    let (identity, folder) = (self.session.identity, self.session.folder)
    var marks = [
      StrayProcesses.Mark(
        entries: [ReplicaProcesses.runMark(of: identity)], folder: folder.path)
    ]
    if order != StopOrder() {
      marks = self.supervisor.board.all
        .filter { order.means($0.key, startedBy: $0.startedBy) && $0.state.isFinal }
        .map {
          StrayProcesses.Mark(
            entries: ReplicaProcesses.marks(of: identity, $0.key),
            folder: ReplicaFolder(of: $0.key, in: folder).path)
        }
    }
    let all = marks
    // Cancelled: the caller is told nothing either.
    return (try? await self.logs.blocking.run { StrayProcesses(marks: all).end() }) ?? []
  }

  func work(
    request: RPCAsyncSequence<Muster_V1_WorkOrder, any Error>,
    response: RPCWriter<Muster_V1_WorkReport>, context: ServerContext
  ) async throws {
    try self.session.requireClaim(of: context)
    try await self.session.working(at: context.remotePeer) {
      try await withThrowingTaskGroup { tasks in
        tasks.addTask { try await self.worker(request, response) }
        tasks.addTask {
          await self.session.superseded(at: context.remotePeer)
          try self.session.requireClaim(of: context)
        }
        // A coordinator that was superseded is cut off; leases are the next one's to hand out.
        try await tasks.next()
        tasks.cancelAll()
      }
    }
  }

  func end(
    request: Muster_V1_EndRequest, context: ServerContext
  ) async throws -> Muster_V1_EndResponse {
    try self.session.requireClaim(of: context)
    let living = await self.supervisor.living()
    if living.isEmpty {
      self.session.end(keepsRecords: request.keepRecords, keepsHolder: request.keepHolder)
    }
    return .with { $0.leftovers = living.map { "\($0) has not been stopped" } }
  }
}

// MARK: What a call must be

extension Muster_V1_AttachRequest {
  fileprivate func check() throws(RPCError) {
    let version = AgentPreface.protocolVersion
    guard self.protocolVersion == version else {
      throw RPCError(
        code: .failedPrecondition,
        message: "the agent speaks protocol \(version), the coordinator "
          + "\(self.protocolVersion): end the run with the `muster` that began it")
    }
    guard self.coordinator.utf8.count <= NodeLimits.coordinatorNameSizeMax,
      !self.coordinator.utf8.contains(UInt8(ascii: "\n"))
    else { throw .invalid("the coordinator's name is too long") }
    guard self.observe || !self.coordinator.isEmpty else {
      throw .invalid("a coordinator must have a name")
    }
    guard self.plan.count <= NodeLimits.planSizeMax else {
      throw .invalid("the plan has \(self.plan.count) bytes; at most \(NodeLimits.planSizeMax)")
    }
    guard self.secrets.count <= NodeLimits.secretCountMax,
      self.secrets.values.allSatisfy({ $0.utf8.count <= NodeLimits.secretSizeMax })
    else { throw .invalid("too many or too large secrets") }
  }
}

extension RunSession {
  /// - Returns: Who holds the run.
  /// - Throws: ABORTED with the holder's name, or FAILED_PRECONDITION, unless the link of this call
  ///   holds the run.
  @discardableResult
  fileprivate func requireClaim(of context: ServerContext) throws(RPCError) -> RunClaim.Holder {
    switch self.mayAct(from: context.remotePeer) {
    case .allowed(let holder): return holder
    case .notClaimed:
      throw RPCError(
        code: .failedPrecondition, message: "attach first, and not as an observer")
    case .superseded(let holder): throw RPCError(supersededBy: holder)
    }
  }
}

extension RPCError {
  fileprivate static func invalid(_ message: String) -> Self {
    Self(code: .invalidArgument, message: message)
  }

  fileprivate init(supersededBy holder: RunClaim.Holder) {
    self.init(code: .aborted, message: "the run is held by \(holder), which came later")
  }
}

extension ReplicaKey {
  fileprivate init(naming text: String) throws(RPCError) {
    guard let key = Self(text) else { throw .invalid("`\(text)` is not SERVICE/INDEX") }
    self = key
  }
}

extension ServerContext {
  /// Carries `body` out, and cancels it when the caller has gone: gRPC says so by a handle and leaves
  /// the handler's task alone, which would wait for ever.
  fileprivate func untilCallerGoes(
    _ body: @escaping @Sendable () async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup { tasks in
      tasks.addTask { try await body() }
      tasks.addTask { try await self.cancellation.cancelled }
      try await tasks.next()
      tasks.cancelAll()
    }
  }
}
