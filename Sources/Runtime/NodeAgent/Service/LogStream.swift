import FoundationEssentials
import GRPCCore
import Glibc
import NodeAPI
import SwiftProtobuf

/// Sends a replica's log, and what is added to it while it lives; a later attempt's log follows.
struct LogStream<RunClock: Clock & Sendable>: Sendable where RunClock.Duration == Duration {
  /// From one look at a log that has not grown to the next.
  private static var interval: Duration { .milliseconds(100) }

  let supervisor: Supervisor<RunClock>
  let blocking: BlockingCalls
  let clock: RunClock

  func send(
    _ request: Muster_V1_LogsRequest, to response: RPCWriter<Muster_V1_LogChunk>
  ) async throws {
    let key = ReplicaKey(service: request.service, index: Int(request.index))
    guard let log = self.supervisor.log(of: key) else {
      throw RPCError(code: .notFound, message: "there is no replica \(key) on this node")
    }
    let lineCount = min(Int(request.lastLines), NodeLimits.logLineCountMax)
    let (path, start) = try await self.blocking.run {
      (log.path, LogEnd.start(of: log.path, lineCount: lineCount))
    }
    var position = (path: path, offset: start?.offset ?? 0)
    let end = request.follow ? nil : start?.size ?? 0
    while true {
      // Asked before the log is read: what it wrote last is in it then.
      let current = self.supervisor.log(of: key)
      let sizeMax = end.map { min(Int($0 - position.offset), NodeLimits.logChunkSizeMax) }
      let from = position
      let bytes = try await self.blocking.run { () -> [UInt8]? in
        // It was rotated: what follows is at its beginning.
        if end == nil, LogEnd.size(of: from.path) < from.offset { return nil }
        return LogEnd.read(
          from.path, from: from.offset, sizeMax: sizeMax ?? NodeLimits.logChunkSizeMax)
      }
      if let bytes, !bytes.isEmpty {
        try await response.write(.with { $0.data = Data(bytes) })
        position.offset += off_t(bytes.count)
      } else if end != nil || current == nil {
        return
      } else if bytes == nil, position.offset > 0 {
        position.offset = 0
      } else if let current, current.path != position.path {
        position = (current.path, 0)
      } else if current?.isOver == true {
        return
      } else {
        try await self.clock.sleep(for: Self.interval)
      }
    }
  }
}
