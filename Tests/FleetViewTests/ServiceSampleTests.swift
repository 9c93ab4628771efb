import Health
import TestFleet
import Testing

@testable import FleetView

@Suite struct ServiceSampleTests {
  @Test func `a sample is read as it was written, and what is unknown stays so`() throws {
    var fleet = TestFleet(nodeCount: 1)
    fleet.reach(0, .ready)
    fleet.scrape(0, running: 3, tokens: 100, usage: 0.25, at: 1)
    #expect(fleet.moment(rollouts: .init(count: 4, perSecond: nil)).samples[0].rollouts == nil)
    let service = fleet.state.services[0]
    let sample = ServiceSample(service, readyCount: 1, .init(count: 4, perSecond: nil))
    let json = sample.json()
    #expect(json.contains(#""running":3"#) && !json.contains("gpu_percent"))
    #expect(ServiceSample(json: json) == sample && sample.rollouts == 4)
    #expect(ServiceSample(json: "{}") == nil)
  }
}
