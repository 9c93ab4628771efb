import Fleet
import FoundationEssentials
import GRPCCore
import Health
import Launch
import NodeAPI
import SwiftProtobuf
import Testing

@testable import Coordinator

/// What a node says, of what it may and of what it may not.
struct NodeVoiceTests {
  private static let own = ReplicaKey(service: "policy", index: 1)
  private static let others = [
    ReplicaKey(service: "policy", index: 0), ReplicaKey(service: "judge", index: 1),
    ReplicaKey(service: "", index: 1),
  ]
  private let voice = NodeVoice(node: "n1", own: [Self.own])

  private static func event(_ key: ReplicaKey) -> Muster_V1_NodeEvent {
    .with {
      $0.kind = "state"
      $0.state = "failed"
      $0.service = key.service
      $0.index = UInt32(key.index)
    }
  }

  private static func page(_ key: ReplicaKey) -> Muster_V1_ScrapeReport {
    .with {
      $0.page = .with {
        $0.service = key.service
        $0.index = UInt32(key.index)
        $0.text = Data("up 1\n".utf8)
      }
    }
  }

  @Test func `a node speaks for its own replicas`() {
    let status = Muster_V1_ReplicaStatus(ReplicaStatus(key: Self.own, state: .ready))
    #expect(self.voice.report(status)?.key == Self.own && self.voice.report(status)?.node == "n1")
    #expect(self.voice.event(Self.event(Self.own))?.replica == Self.own)
    #expect(self.voice.scrapes(Self.page(Self.own)).count == 1)
  }

  @Test(arguments: Self.others)
  func `what it says of another's replica is heard by nobody`(_ key: ReplicaKey) {
    let status = Muster_V1_ReplicaStatus(ReplicaStatus(key: key, state: .failed))
    #expect(self.voice.report(status) == nil)
    // Of no service it is about the node.
    if !key.service.isEmpty { #expect(self.voice.event(Self.event(key)) == nil) }
    #expect(self.voice.scrapes(Self.page(key)) == [])
    let batch = Muster_V1_ScrapeReport.with {
      $0.batch.reports = [Self.page(key), Self.page(Self.own), Self.page(key)]
    }
    #expect(self.voice.scrapes(batch).count == 1)
  }

  @Test func `it speaks for itself`() {
    let event = Muster_V1_NodeEvent.with {
      $0.kind = "xid"
      $0.text = "Xid 79"
    }
    #expect(self.voice.event(event)?.node == "n1")
    let report = Muster_V1_ScrapeReport.with { $0.file.path = "/a" }
    #expect(self.voice.scrapes(report).count == 1)
  }

  /// One character, and 40,000 bytes.
  private static let marked = "e" + String(repeating: "\u{301}", count: 20_000)

  @Test func `texts have a size in bytes, whatever characters they are made of`() throws {
    #expect(Self.marked.count == 1)
    var said = ReplicaStatus(key: Self.own, state: .failed)
    (said.reason, said.systemFingerprint, said.logPath) = (Self.marked, Self.marked, Self.marked)
    said.lastLogLines = Array(repeating: Self.marked, count: 100)
    let json = try CanonicalJSON.bytes(of: said)
    let report = try #require(self.voice.report(.with { $0.json = Data(json) }))
    for text in [report.reason, report.systemFingerprint, report.logPath] + report.lastLogLines {
      #expect(1...4096 ~= text.utf8.count)
    }
    #expect(report.lastLogLines.count == 20)
    var event = Self.event(Self.own)
    event.text = Self.marked
    event.kind = Self.marked
    let heard = try #require(self.voice.event(event))
    #expect(heard.reason.utf8.count <= 4096 && heard.what.utf8.count <= 256)
    let fault = NodeFault(
      node: "n1", call: "attach", error: RPCError(code: .aborted, message: Self.marked))
    #expect(fault.diagnostic.causes.allSatisfy { $0.utf8.count <= 4096 })
    let remains = NodeRemains(leftovers: Array(repeating: Self.marked, count: 1000), foreign: [])
    #expect(remains.leftovers.count == 256 && remains.leftovers[0].utf8.count <= 4096)
    let run = NodeRun(
      .with {
        $0.run = "20261121-061500-abcdef"
        ($0.holder, $0.name) = (Self.marked, Self.marked)
      })
    #expect(run?.holder.utf8.count ?? 0 <= 256 && run?.name.utf8.count ?? 0 <= 256)
  }
}
