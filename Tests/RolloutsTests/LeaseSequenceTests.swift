import Rollouts
import Testing

/// Every order of events between a coordinator and two nodes, up to a bound.
struct LeaseSequenceTests {
  struct Start: Sendable {
    var itemCount: UInt64
    /// What node 1 holds from an earlier coordinator. Where it is much, a lease of several items can
    /// be the only one there is, and is cut after a few events.
    var spooled: Range<UInt64> = 0..<0
    var depth = 7
  }

  private static let starts = [
    Start(itemCount: 1, depth: 8), Start(itemCount: 2), Start(itemCount: 3),
    Start(itemCount: 8, spooled: 2..<8), Start(itemCount: 12, spooled: 3..<12, depth: 6),
  ]

  private let now = ContinuousClock().now

  @Test(arguments: Self.starts)
  func `each item has one owner, none is lost, and any one node can end the work`(start: Start) {
    let first = LeaseWorld(
      itemCount: start.itemCount, nodeCount: 2, spooled: start.spooled, at: self.now)
    var stack: [(world: LeaseWorld, trace: [LeaseEvent])] = [(first, [])]
    var (count, finishedCount, cutCount) = (0, 0, 0)
    while let (world, trace) = stack.popLast() {
      for event in LeaseEvent.all(nodeCount: 2) {
        // Where nodes are alike it is node 0 that comes first.
        if trace.isEmpty, event == .connected(1), start.spooled.isEmpty { continue }
        var next = world
        guard next.apply(event) else { continue }
        next.check()
        count += 1
        finishedCount += next.machine.isFinished ? 1 : 0
        cutCount += next.cutCount - world.cutCount
        let sequence = trace + [event]
        let isLast = sequence.count == start.depth || next.machine.isFinished
        let fault = isLast ? self.faultOfEnding(next) : next.fault
        guard fault.isEmpty else {
          Issue.record("\(fault), after \(sequence)")
          return
        }
        if !isLast { stack.append((next, sequence)) }
      }
    }
    // The events are possible, and do something.
    #expect(count > 2000)
    #expect(finishedCount > 0 || start.itemCount > 2)
    #expect(cutCount > 100 || start.spooled.isEmpty)
  }

  private func faultOfEnding(_ world: LeaseWorld) -> String {
    var fault = world.fault
    for node in 0..<2 where fault.isEmpty {
      var ending = world
      ending.finish(with: node)
      fault = ending.fault
    }
    return fault
  }
}
