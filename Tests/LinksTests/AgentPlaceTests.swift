import Fleet
import Foundation
import Glibc
import NodeAPI
import Testing

@testable import Links

/// Homes that cannot hold the agent: real mounts, in a namespace of the test's own.
@Suite(
  .enabled(
    if: TestPrograms.hasSSHD && TestPrograms.canMount, "mounts need root, and sshd is needed"),
  .serialized)
struct AgentPlaceTests {
  private static let elsewhere = "mkdir -p -m 700 /tmp/muster-0"

  @Test(arguments: [
    "mount -t tmpfs -o size=64k tmpfs HOME",
    "mount -t tmpfs -o size=2m,nr_inodes=8 tmpfs HOME",
    "mount -t tmpfs -o ro tmpfs HOME",
    "mount -t tmpfs -o noexec tmpfs HOME",
  ])
  func `a home that cannot hold it sends the agent elsewhere`(prepare: String) async throws {
    let tmp = "\(Self.elsewhere)\nmount -t tmpfs -o mode=700 tmpfs /tmp/muster-0"
    let host = try TestHost(
      environment: "XDG_STATE_HOME=FOLDER/state",
      prepare: "\(tmp)\n\(prepare)")
    #expect(try await TestLinks.visit(host.node(), run: host.run).processID > 0)
  }

  @Test func `no place at all is an error with the reason of each`() async throws {
    let host = try TestHost(
      prepare: """
        \(Self.elsewhere)
        mount -t tmpfs -o size=64k,mode=700 tmpfs HOME
        mount -t tmpfs -o noexec,mode=700 tmpfs /tmp/muster-0
        mount -t tmpfs -o ro tmpfs /dev/shm
        """)
    let error = try await TestLinks.error(host.node(), run: host.run)
    guard case .noPlaceForAgent(let faults) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(faults.map(\.index) == [0, 1, 2])
    #expect(faults.map(\.reason) == ["full", "noexec", "read-only"])
    let text = error.diagnostic.rendered()
    #expect(text.contains("~/.cache/muster: full"))
    #expect(text.contains("/dev/shm/muster-<uid>: read-only"))
  }

  @Test func `a folder of someone else in a shared place is not trusted`() async throws {
    let host = try TestHost(
      prepare: """
        \(Self.elsewhere)
        mount -t tmpfs -o ro tmpfs HOME
        mount -t tmpfs -o mode=777,uid=65534 tmpfs /tmp/muster-0
        mount -t tmpfs -o mode=1777 tmpfs /dev/shm
        ln -s /tmp/muster-0 /dev/shm/muster-0
        """)
    let error = try await TestLinks.error(host.node(), run: host.run)
    guard case .noPlaceForAgent(let faults) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(faults.map(\.reason) == ["read-only", "no permission", "no permission"])
  }

  @Test func `a folder in a shared place that others may write is not trusted`() async throws {
    let host = try TestHost(
      prepare: """
        \(Self.elsewhere)
        mount -t tmpfs -o ro tmpfs HOME
        mount -t tmpfs -o mode=777 tmpfs /tmp/muster-0
        mount -t tmpfs -o ro tmpfs /dev/shm
        """)
    let error = try await TestLinks.error(host.node(), run: host.run)
    guard case .noPlaceForAgent(let faults) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(faults.map(\.reason) == ["read-only", "no permission", "read-only"])
  }
}
