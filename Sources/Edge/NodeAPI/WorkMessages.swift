import FoundationEssentials
package import Rollouts
import SwiftProtobuf

/// The messages of a stream of work as the values that coordinator and worker speak of, both ways.
/// What comes in is checked here for what a message may be, and further by who receives it.

extension LeaseOrder {
  /// `nil` for a kind that is not known, or values that no order has.
  package init?(_ message: Muster_V1_WorkOrder) {
    switch message.kind {
    case .setup(let setup):
      guard setup.rolloutsPerTask >= 1,
        setup.specification.count <= WorkPlan.maximumSpecificationSize
      else { return nil }
      self = .setup(
        LeaseSetup(
          workID: setup.workID, kind: setup.kind, specification: Array(setup.specification),
          rolloutsPerTask: setup.rolloutsPerTask))
    case .lease(let lease):
      guard lease.attempt >= 1, lease.bounds.count <= 2 * Lease.maximumRangeCount,
        let items = OrdinalRangeSet(bounds: lease.bounds), !items.isEmpty,
        items.span.upperBound <= WorkPlan.maximumItemCount
      else { return nil }
      self = .lease(Lease(id: lease.id, items: items, attempt: lease.attempt))
    case .cut(let cut): self = .cut(leaseID: cut.leaseID, end: cut.end)
    case .acknowledgement(let acknowledgement):
      self = .acknowledgement(acknowledgement.sequence)
    case nil: return nil
    }
  }
}

extension Muster_V1_WorkOrder {
  package init(_ order: LeaseOrder) {
    self.init()
    switch order {
    case .setup(let setup):
      self.setup = .with {
        $0.workID = setup.workID
        $0.kind = setup.kind
        $0.specification = Data(setup.specification)
        $0.rolloutsPerTask = setup.rolloutsPerTask
      }
    case .lease(let lease):
      self.lease = .with {
        $0.id = lease.id
        $0.bounds = lease.items.bounds
        $0.attempt = lease.attempt
      }
    case .cut(let leaseID, let end):
      self.cut = .with {
        $0.leaseID = leaseID
        $0.end = end
      }
    case .acknowledgement(let sequence):
      self.acknowledgement = .with { $0.sequence = sequence }
    }
  }
}

extension LeaseReport {
  /// `nil` for a kind that is not known, or items that are no set.
  package init?(_ message: Muster_V1_WorkReport) {
    switch message.kind {
    case .batch(let batch):
      guard batch.bounds.count <= 2 * BatchFrame.maximumRangeCount,
        let items = OrdinalRangeSet(bounds: batch.bounds)
      else { return nil }
      let header = BatchHeader(
        sequence: batch.sequence, leaseID: batch.leaseID, attempt: batch.attempt,
        kind: batch.failed ? .failure : .result, items: items)
      self = .batch(
        RecordBatch(header, lines: [UInt8](batch.records), checksum: batch.checksum))
    case .progress(let progress):
      self = .progress(
        LeaseProgress(
          leaseID: progress.leaseID, next: progress.next, concurrency: progress.concurrency))
    case .fault(let fault):
      guard let kind = LeaseFault.Kind(rawValue: fault.kind.rawValue) else { return nil }
      self = .fault(LeaseFault(kind, fault.message))
    case nil: return nil
    }
  }
}

extension Muster_V1_WorkReport {
  package init(_ report: LeaseReport) {
    self.init()
    switch report {
    case .batch(let batch):
      self.batch = .with {
        $0.sequence = batch.sequence
        $0.leaseID = batch.leaseID
        $0.attempt = batch.attempt
        $0.failed = batch.kind == .failure
        $0.bounds = batch.items.bounds
        $0.records = Data(batch.lines)
        $0.checksum = batch.checksum
      }
    case .progress(let progress):
      self.progress = .with {
        $0.leaseID = progress.leaseID
        $0.next = progress.next
        $0.concurrency = progress.concurrency
      }
    case .fault(let fault):
      self.fault = .with {
        $0.kind = Muster_V1_WorkFault.Kind(rawValue: fault.kind.rawValue) ?? .unspecified
        $0.message = fault.message
      }
    }
  }
}
