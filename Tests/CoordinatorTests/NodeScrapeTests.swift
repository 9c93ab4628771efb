import FoundationEssentials
import Launch
import NodeAPI
import SwiftProtobuf
import Telemetry
import Testing

@testable import Coordinator

struct NodeScrapeTests {
  @Test func `pages of replicas and of targets are told apart, and a fault has no page`() throws {
    let page = Muster_V1_MetricsPage.with {
      $0.service = "policy"
      $0.index = 3
      $0.milliseconds = 7
      $0.text = .init("up 1\n".utf8)
    }
    let replica = NodePage(page)
    #expect(replica.source == .replica(ReplicaKey(service: "policy", index: 3)))
    #expect(replica.milliseconds == 7)
    #expect(replica.text == Array("up 1\n".utf8) && replica.fault.isEmpty)
    var target = page
    target.target = "dcgm"
    target.text = .init()
    target.fault = "nobody accepts connections"
    #expect(NodePage(target).source == .target("dcgm"))
    #expect(NodePage(target).fault == "nobody accepts connections")
    #expect(NodeScrape(.init()) == nil)
    #expect(NodeScrape(.with { $0.page = page }) == .page(replica))
  }

  @Test func `a page above the limit is a fault, whatever the agent says`() {
    let page = NodePage(.with { $0.text = .init(repeating: 0x61, count: NodePage.textSizeMax + 1) })
    #expect(page.text.isEmpty && page.fault.contains("more than 4194304 bytes"))
  }

  @Test func `what a GPU does not say is unknown, never 0`() {
    let scrape = NodeScrape(
      .with {
        $0.gpus = .with {
          $0.milliseconds = 5
          $0.gpus = Data(#"[{"index":1,"name":"H200","utilizationPercent":0}]"#.utf8)
        }
      })
    var expected = GPUSample(index: 1, name: "H200")
    expected.utilizationPercent = 0
    #expect(scrape == .gpus(milliseconds: 5, [expected], fault: ""))
  }

  @Test func `a request says its interval, and 0 for once`() {
    #expect(NodeScrapeRequest().message.intervalMilliseconds == 0)
    #expect(NodeScrapeRequest(every: .seconds(2)).message.intervalMilliseconds == 2000)
    #expect(NodeScrapeRequest(every: .seconds(90_000)).message.intervalMilliseconds == 3_600_000)
  }
}
