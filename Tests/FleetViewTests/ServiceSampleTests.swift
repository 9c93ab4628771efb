import Fleet
import Health
import Telemetry
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

  @Test func `a percentile that is a bound is one in the journal and in JSON, by its name`() throws
  {
    var fleet = TestFleet(nodeCount: 1)
    let page = { (count: Int) in
      let name = "vllm:request_queue_time_seconds"
      return """
        vllm:num_requests_running{engine="0"} 1
        \(name)_bucket{engine="0",le="0.3"} \(count * 8)
        \(name)_bucket{engine="0",le="0.6"} \(count * 9)
        \(name)_bucket{engine="0",le="+Inf"} \(count * 10)
        \(name)_sum{engine="0"} \(count)

        """
    }
    fleet.reach(0, .ready)
    fleet.scrape(0, text: page(1), at: 1)
    fleet.scrape(0, text: page(11), at: 2)
    let sample = fleet.moment().samples[0]
    #expect(sample.queue?.p50 == .upTo(0.3) && sample.queue?.p99 == .above(0.6))
    let json =
      #"{"count":100,"mean":0.1,"p50_below":0.3,"p90":0.6,"p99_above":0.6}"#
    #expect(sample.json().contains(#""queue_seconds":\#(json)"#), "\(sample.json())")
    #expect(ServiceSample(json: sample.json()) == sample)
    // As it was written before bounds were told apart.
    let old = sample.json().replacing(json, with: #"{"count":1,"p50":1,"p90":2,"p99":3}"#)
    #expect(ServiceSample(json: old)?.queue?.p99 == .about(3))
    let shown = JSONText.object(sample.members).text
    #expect(
      shown.contains(
        #""queue_seconds":{"count":100,"mean":0.1,"p50":null,"p50_below":0.3,"p90":0.6,"p99":null,"p99_above":0.6}"#
      ), "\(shown)")
  }
}
