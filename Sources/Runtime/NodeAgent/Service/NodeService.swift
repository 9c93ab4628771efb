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
  let events: EventStream
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
    try AttachCheck.check(request)
    if request.observe {
      self.session.observe(from: context.remotePeer)
    } else {
      let claimant = RunClaim.Holder(epoch: request.epoch, coordinator: request.coordinator)
      var decision = RunClaim.ClaimDecision.accepted
      // One that has just ended may have a link that has not.
      for patience in (0..<Self.yieldLookCount).reversed() {
        decision = try self.session.claim(
          claimant, from: context.remotePeer, yields: request.yields, plan: Array(request.plan),
          secrets: request.secrets)
        if decision == .accepted || !request.yields || patience == 0 { break }
        try await self.logs.clock.sleep(for: .milliseconds(100))
      }
      if case .refused(let holder) = decision { throw RPCError(heldBy: holder) }
    }
    return .with {
      $0.protocolVersion = AgentPreface.protocolVersion
      $0.hostName = ProcessFacts.hostName()
      $0.processID = Int64(getpid())
      $0.startedAtMilliseconds = self.session.startedAtMilliseconds
      $0.stateFolder = self.session.folder.path
      $0.plan = Data(self.session.plan)
      $0.holder = self.session.holder?.coordinator ?? ""
      $0.run = self.session.identity.run
      $0.replicas = self.statuses
    }
  }

  func start(
    request: Muster_V1_StartRequest, context: ServerContext
  ) async throws -> Muster_V1_StartResponse {
    try self.session.requireClaim(of: context)
    let replicas = try request.replicas.map { spec in
      do throws(ReplicaFault) {
        return try ReplicaSpecification(spec)
      } catch {
        throw RPCError(code: .invalidArgument, message: "\(error)")
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
    try await self.supervisor.start(replicas, secrets: secrets)
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
    try await context.untilCallerGoes { try await self.events.send(request, to: response) }
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
    try self.session.requireClaim(of: context)
    let holders = await self.gpuMemory.holders()
    var remains = await self.supervisor.stop(Set(request.services))
    remains.leftovers += await self.gpuMemory.leftovers(of: holders)
    // The caller has gone: what was told to stop stops all the same.
    try Task.checkCancellation()
    return .with {
      $0.leftovers = remains.leftovers
      $0.foreign = remains.foreign
      $0.replicas = self.statuses
    }
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
    if living.isEmpty { self.session.end(keepsRecords: request.keepRecords) }
    return .with { $0.leftovers = living.map { "\($0) has not been stopped" } }
  }
}
