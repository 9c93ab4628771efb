import GRPCCore
import Glibc
import NIOCore
import NIOPosix
import NodeAPI
import SwiftProtobuf

/// Answers the calls of `Errands`, over a link that belongs to no run.
struct ErrandServer: Muster_V1_Errands.SimpleServiceProtocol {
  /// Of one request; as many as are told of.
  private static let removeCountMax = 4096

  let folders: RunFolders
  let blocking: BlockingCalls

  /// The whole process behind such a link: it returns when the link has closed.
  static func run(node: String, environment: [String: String]) async throws {
    // No file system is kept busy by a process that nobody sees.
    chdir("/")
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let blocking = BlockingCalls()
    let folders = try RunFolders(node: node, environment: environment)
    try await PipeServer.serve(
      [Self(folders: folders, blocking: blocking)], on: StandardPipe(eventLoopGroup: group))
    try await blocking.end()
    try await group.shutdownGracefully()
  }

  func runs(
    request: Muster_V1_RunsRequest, context: ServerContext
  ) async throws -> Muster_V1_RunsResponse {
    let folders = self.folders
    return try await self.blocking.run { .with { $0.runs = folders.all(matching: request) } }
  }

  func removeRuns(
    request: Muster_V1_RemoveRunsRequest, context: ServerContext
  ) async throws -> Muster_V1_RemoveRunsResponse {
    guard request.runs.count <= Self.removeCountMax else {
      throw RPCError(
        code: .invalidArgument, message: "more than \(Self.removeCountMax) runs at once")
    }
    let folders = self.folders
    return try await self.blocking.run { .with { $0.runs = folders.remove(request) } }
  }
}
