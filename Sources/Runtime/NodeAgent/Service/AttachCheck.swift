import Fleet
import GRPCCore
import NodeAPI

/// What an attachment must be before it is looked at.
enum AttachCheck {
  static func check(_ request: Muster_V1_AttachRequest) throws(RPCError) {
    let version = AgentPreface.protocolVersion
    guard request.protocolVersion == version else {
      throw RPCError(
        code: .failedPrecondition,
        message: "the agent speaks protocol \(version), the coordinator "
          + "\(request.protocolVersion): end the run with the `muster` that began it")
    }
    guard request.coordinator.utf8.count <= NodeLimits.coordinatorNameSizeMax,
      !request.coordinator.utf8.contains(UInt8(ascii: "\n"))
    else { throw RPCError(code: .invalidArgument, message: "the coordinator's name is too long") }
    guard request.observe || !request.coordinator.isEmpty else {
      throw RPCError(code: .invalidArgument, message: "a coordinator must have a name")
    }
    guard request.plan.count <= NodeLimits.planSizeMax else {
      throw RPCError(
        code: .invalidArgument,
        message: "the plan has \(request.plan.count) bytes; at most \(NodeLimits.planSizeMax)")
    }
    guard request.secrets.count <= NodeLimits.secretCountMax,
      request.secrets.values.allSatisfy({ $0.utf8.count <= NodeLimits.secretSizeMax })
    else { throw RPCError(code: .invalidArgument, message: "too many or too large secrets") }
  }
}

extension RunSession {
  /// - Throws: ABORTED with the holder's name, or FAILED_PRECONDITION, unless the link of this call
  ///   holds the run.
  func requireClaim(of context: ServerContext) throws(RPCError) {
    switch self.mayAct(from: context.remotePeer) {
    case .allowed: return
    case .notClaimed:
      throw RPCError(
        code: .failedPrecondition, message: "attach first, and not as an observer")
    case .superseded(let holder): throw RPCError(heldBy: holder)
    }
  }
}

extension RPCError {
  init(heldBy holder: RunClaim.Holder) {
    self.init(
      code: .aborted,
      message: "the run is held by \(holder.coordinator) (epoch \(holder.epoch))")
  }
}
