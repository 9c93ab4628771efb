import Foundation
import Glibc
import NIOPosix
import OperatingSystem
import Testing

@testable import Links

@Suite struct AgentImageTests {
  @Test func `what cannot be read has no hash`() throws {
    // Of a folder there is nothing to read, and no end either.
    #expect(throws: SystemFault("read", "/", code: EISDIR)) {
      try PlainFile.sha256(of: OpenFile(path: "/", flags: O_RDONLY))
    }
  }

  @Test func `an image that is gone is an error, not an empty one`() async throws {
    let folder = try ScratchFolder()
    let path = "\(folder.path)/muster-node"
    try TestPrograms.run(["cp", "/bin/true", path])
    let image = try AgentImage(path: path, cacheFolder: nil)
    unlink(path)
    await #expect(throws: LinkError.agentImage("cannot read \(path): No such file or directory")) {
      try await image.plain(on: MultiThreadedEventLoopGroup.singleton.next())
    }
    #expect(try await image.gzipped(on: MultiThreadedEventLoopGroup.singleton.next()) == nil)
  }
}
