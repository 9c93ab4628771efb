import Fleet
import FoundationEssentials
import GRPCCore
import Glibc
import NodeAPI
import SwiftProtobuf

/// Answers the calls of node.proto: checks what comes in, asks who may, and passes on.
struct NodeService: Muster_V1_Node.SimpleServiceProtocol {
  let session: RunSession

  func attach(
    request: Muster_V1_AttachRequest, context: ServerContext
  ) async throws -> Muster_V1_AttachResponse {
    try AttachCheck.check(request)
    if request.observe {
      self.session.observe(from: context.remotePeer)
    } else {
      let claimant = RunClaim.Holder(epoch: request.epoch, coordinator: request.coordinator)
      let decision = try self.session.claim(
        claimant, from: context.remotePeer, plan: Array(request.plan), secrets: request.secrets)
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
    }
  }

  func start(
    request: Muster_V1_StartRequest, context: ServerContext
  ) async throws -> Muster_V1_StartResponse {
    throw RPCError(code: .unimplemented, message: "start")
  }

  func watch(
    request: Muster_V1_WatchRequest, response: RPCWriter<Muster_V1_ReplicaStatus>,
    context: ServerContext
  ) async throws {
    throw RPCError(code: .unimplemented, message: "watch")
  }

  func logs(
    request: Muster_V1_LogsRequest, response: RPCWriter<Muster_V1_LogChunk>, context: ServerContext
  ) async throws {
    throw RPCError(code: .unimplemented, message: "logs")
  }

  func stop(
    request: Muster_V1_StopRequest, context: ServerContext
  ) async throws -> Muster_V1_StopResponse {
    throw RPCError(code: .unimplemented, message: "stop")
  }

  func work(
    request: RPCAsyncSequence<Muster_V1_WorkOrder, any Error>,
    response: RPCWriter<Muster_V1_WorkReport>, context: ServerContext
  ) async throws {
    throw RPCError(code: .unimplemented, message: "this agent has no worker")
  }

  func end(
    request: Muster_V1_EndRequest, context: ServerContext
  ) async throws -> Muster_V1_EndResponse {
    try self.session.requireClaim(of: context)
    self.session.end()
    return Muster_V1_EndResponse()
  }
}
