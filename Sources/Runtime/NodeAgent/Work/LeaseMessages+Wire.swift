import FoundationEssentials
import NodeAPI
import Rollouts
import SwiftProtobuf

extension LeaseOrder {
  /// `nil` for a kind that is not known, or values that no order has.
  init?(_ message: Muster_V1_WorkOrder) {
    switch message.kind {
    case .setup(let setup):
      guard let setup = LeaseSetup(setup) else { return nil }
      self = .setup(setup)
    case .lease(let lease):
      guard lease.count >= 1, lease.attempt >= 1, lease.first <= WorkPlan.maximumItemCount else {
        return nil
      }
      self = .lease(
        Lease(
          id: lease.id, items: lease.first..<lease.first + UInt64(lease.count),
          attempt: lease.attempt))
    case .cut(let cut): self = .cut(leaseID: cut.leaseID, end: cut.end)
    case .acknowledgement(let acknowledgement):
      self = .acknowledgement(acknowledgement.sequence)
    case nil: return nil
    }
  }
}

extension LeaseSetup {
  init?(_ message: Muster_V1_WorkSetup) {
    guard case .simulator(let work) = message.kind, work.rolloutsPerExample >= 1,
      work.episodeCostMicroseconds <= 3_600_000_000
    else { return nil }
    self.init(
      workID: message.workID, policy: work.policy, seed: work.seed, difficulty: work.difficulty,
      rolloutsPerExample: work.rolloutsPerExample, maxActionsPerStep: work.maxActionsPerStep,
      episodeCost: .microseconds(Int64(work.episodeCostMicroseconds)))
  }
}

extension Muster_V1_WorkReport {
  init(_ report: LeaseReport) {
    self.init()
    switch report {
    case .batch(let batch, let checksum):
      self.batch = .with {
        $0.sequence = batch.sequence
        $0.leaseID = batch.leaseID
        $0.attempt = batch.attempt
        $0.first = batch.items.lowerBound
        $0.count = UInt32(batch.items.count)
        $0.records = Data(batch.lines)
        $0.checksum = checksum
      }
    case .progress(let leaseID, let next):
      self.progress = .with {
        $0.leaseID = leaseID
        $0.next = next
      }
    case .fault(let fault): self.fault = fault
    }
  }
}
