import NodeAPI
import Rollouts
import SwiftProtobuf
import Testing

/// Each order and report of a stream of work comes out of its message as it went in.
struct WorkMessagesTests {
  private static let items: OrdinalRangeSet = [0..<1, 5..<9, (1 << 40) - 1..<1 << 40]

  private static let orders: [LeaseOrder] = [
    .setup(
      LeaseSetup(
        workID: "ab12", kind: "some-kind", specification: Array(#"{"a":1}"#.utf8),
        rolloutsPerTask: .max)),
    .lease(Lease(id: .max, items: Self.items, attempt: .max)),
    .cut(leaseID: 3, end: .max),
    .acknowledgement(.max),
  ]

  private static let reports: [LeaseReport] =
    [RecordLine.Kind.result, .failure].map { kind in
      .batch(
        RecordBatch(
          BatchHeader(sequence: .max, leaseID: 7, attempt: 2, kind: kind, items: Self.items),
          lines: Array("a\nb\n\u{0}".utf8), checksum: .max))
    } + [
      .progress(LeaseProgress(leaseID: 1, next: 2, concurrency: 64)), .progress(LeaseProgress()),
    ]
    + LeaseFault.Kind.allCases.map { .fault(LeaseFault($0, "because")) }

  @Test(arguments: Self.orders)
  func `an order is the same after its journey`(order: LeaseOrder) throws {
    let bytes: [UInt8] = try Muster_V1_WorkOrder(order).serializedBytes()
    #expect(LeaseOrder(try Muster_V1_WorkOrder(serializedBytes: bytes)) == order)
  }

  @Test(arguments: Self.reports)
  func `a report is the same after its journey`(report: LeaseReport) throws {
    let bytes: [UInt8] = try Muster_V1_WorkReport(report).serializedBytes()
    #expect(LeaseReport(try Muster_V1_WorkReport(serializedBytes: bytes)) == report)
  }

  @Test func `orders that no coordinator of ours gives are refused`() {
    let bounds: [[UInt64]] = [
      [], [1], [1, 1], [3, 2], [0, 2, 1, 4], [0, (1 << 40) + 1],
      (0...UInt64(2 * Lease.maximumRangeCount + 1)).map { $0 },
    ]
    for bounds in bounds {
      let message = Muster_V1_WorkOrder.with {
        $0.lease = .with {
          $0.attempt = 1
          $0.bounds = bounds
        }
      }
      #expect(LeaseOrder(message) == nil, "\(bounds.prefix(8))")
    }
    #expect(LeaseOrder(.with { $0.lease = .with { $0.bounds = [0, 1] } }) == nil, "attempt 0")
    #expect(LeaseOrder(.with { $0.setup = .with { $0.rolloutsPerTask = 0 } }) == nil)
    #expect(LeaseOrder(Muster_V1_WorkOrder()) == nil)
  }

  @Test func `reports that no agent of ours makes are refused`() {
    #expect(LeaseReport(.with { $0.batch = .with { $0.bounds = [4, 2] } }) == nil)
    let many = (0...UInt64(2 * BatchFrame.maximumRangeCount + 1)).map { $0 }
    #expect(LeaseReport(.with { $0.batch = .with { $0.bounds = many } }) == nil)
    #expect(LeaseReport(.with { $0.fault = .with { $0.message = "of no kind" } }) == nil)
    #expect(LeaseReport(Muster_V1_WorkReport()) == nil)
  }
}
