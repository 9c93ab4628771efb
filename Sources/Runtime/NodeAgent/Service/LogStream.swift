import FoundationEssentials
import GRPCCore
import Glibc
import Launch
import NodeAPI
import SwiftProtobuf

/// Sends a replica's log, and what is added to it while it lives; a later attempt's log follows.
struct LogStream<RunClock: Clock & Sendable>: Sendable where RunClock.Duration == Duration {
  /// From one look at a log that has not grown to the next.
  private static var interval: Duration { .milliseconds(100) }

  let supervisor: HostSupervisor<RunClock>
  let blocking: BlockingCalls
  let clock: RunClock

  func send(
    _ request: Muster_V1_LogsRequest, to response: RPCWriter<Muster_V1_LogChunk>
  ) async throws {
    let key = ReplicaKey(service: request.service, index: Int(request.index))
    guard var log = self.supervisor.run(of: key)?.ground.log else {
      throw RPCError(code: .notFound, message: "there is no replica \(key) on this node")
    }
    let lineCount = min(Int(request.lastLines), NodeLimits.logLineCountMax)
    let place = try await self.blocking.run { [log] in log.end(lineCount: lineCount) }
    var position = place?.start ?? 0
    let end = request.follow ? nil : place?.end ?? 0
    while true {
      // Asked before the log is read: what it wrote last is in it then.
      let current = self.supervisor.run(of: key).map { (log: $0.ground.log, isOver: $0.isOver) }
      let sizeMax = min(end.map { max(0, Int($0 - position)) } ?? .max, NodeLimits.logChunkSizeMax)
      let found = try await self.blocking.run { [log, position] in
        log.read(from: position, sizeMax: sizeMax)
      }
      if let found, !found.bytes.isEmpty {
        try await response.write(.with { $0.data = Data(found.bytes) })
        position = found.position + off_t(found.bytes.count)
      } else if end != nil || current == nil {
        return
      } else if let current, current.log !== log {
        (log, position) = (current.log, 0)
      } else if current?.isOver == true {
        return
      } else {
        try await self.clock.sleep(for: Self.interval)
      }
    }
  }
}
