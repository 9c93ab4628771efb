import Coordinator
import Rollouts
import Synchronization

/// A stream of work between the simulated coordinator and a node.
final class SimLink: WorkLink, Sendable {
  let node: SimNode
  let orders: SimPipe<LeaseOrder>
  let uplink: SimPipe<LeaseReport>
  let cluster: SimCluster
  private let delivered = Mutex<[RecordBatch]>([])

  init(to node: SimNode, in cluster: SimCluster, delayMax: Duration) {
    self.node = node
    self.cluster = cluster
    self.orders = SimPipe(in: cluster.world, delayMax: delayMax)
    self.uplink = SimPipe(in: cluster.world, delayMax: delayMax)
  }

  func sever() {
    self.orders.sever()
    self.uplink.sever()
  }

  // MARK: The coordinator's side

  var reports: SimReports { SimReports(link: self) }

  func send(_ order: LeaseOrder) async throws {
    try self.orders.send(order)
    self.cluster.ordered(order, to: self.node)
    if case .acknowledgement(let sequence) = order {
      let batches = self.delivered.withLock { $0.filter { $0.sequence <= sequence } }
      self.cluster.checkAcknowledged(batches, of: self.node)
      self.node.disk.acknowledged(through: sequence)
    }
    self.cluster.note("order \(self.node.name) \(order)")
  }

  fileprivate func received(_ report: LeaseReport) {
    if case .batch(let batch) = report { self.delivered.withLock { $0.append(batch) } }
  }

  // MARK: The node's side

  /// As many right records of items that nobody gave to this node: the last ones of the work.
  private func foreign(_ batch: RecordBatch) -> RecordBatch? {
    let count = self.cluster.script.itemCount
    guard batch.items.count < count else { return nil }
    var header = batch.header
    header.kind = .result
    header.items = [count - batch.items.count..<count]
    guard
      self.cluster.isForeign(header.items, leaseID: batch.leaseID, to: self.node.name)
    else { return nil }
    return RecordBatch(header, lines: header.items.ordinals.flatMap { SimRunner.line(of: $0) })
  }

  /// Sends a report; now and then a batch goes twice, or is damaged on its way.
  func report(_ report: LeaseReport) throws {
    guard case .batch(var batch) = report else {
      return try self.uplink.send(report)
    }
    let draw = self.cluster.world.draw { Int.random(in: 0..<1000, using: &$0) }
    self.cluster.note("batch \(self.node.name) \(batch.sequence) \(batch.items.ranges)")
    if self.node.lie == .key, batch.kind == .result {
      let lines = batch.items.ordinals.flatMap { SimRunner.line(of: $0 + 1) }
      return try self.uplink.send(.batch(RecordBatch(batch.header, lines: lines)))
    }
    if self.node.lie == .items, let other = self.foreign(batch) {
      return try self.uplink.send(.batch(other))
    }
    if draw < self.cluster.script.damagePermille, self.node.takeDamage() {
      batch.lines[batch.lines.count / 2] ^= 0x10
      self.cluster.note("damaged")
    }
    try self.uplink.send(.batch(batch))
    if draw >= 1000 - self.cluster.script.duplicatePermille {
      try self.uplink.send(.batch(batch))
    }
  }
}

/// What arrives at the coordinator.
struct SimReports: AsyncSequence, Sendable {
  let link: SimLink

  func makeAsyncIterator() -> Iterator {
    Iterator(link: self.link, base: self.link.uplink.makeAsyncIterator())
  }

  struct Iterator: AsyncIteratorProtocol {
    let link: SimLink
    var base: SimPipe<LeaseReport>.Iterator

    mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(any Error) -> LeaseReport? {
      let report = try await self.base.next(isolation: actor)
      if let report { self.link.received(report) }
      return report
    }
  }
}
