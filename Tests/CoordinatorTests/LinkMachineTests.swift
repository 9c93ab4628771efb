@testable import Coordinator
import Fleet
import Synchronization
import Testing

struct LinkMachineTests {
  static let settings = LinkMachine.Settings(
    pauseMin: .seconds(1), pauseMax: .seconds(5), refusedPause: .seconds(30), heldPause: nil)

  @Test func `pauses double up to the longest, and are short again after a link that stood`() {
    var machine = LinkMachine(Self.settings)
    let pauses = (0..<5).map { _ in machine.faulted(.unreachable) }
    #expect(pauses == [1, 2, 4, 5, 5].map { .again(after: .seconds($0)) })
    for _ in 0..<100 { _ = machine.faulted(.unreachable) }
    #expect(machine.faulted(.unreachable) == .again(after: .seconds(5)))
    machine.opened()
    #expect(machine.faulted(.unreachable) == .again(after: .seconds(1)))
  }

  @Test func `a node that refuses is asked seldom, one that another holds is given up`() {
    var machine = LinkMachine(Self.settings)
    #expect(machine.faulted(.refused) == .again(after: .seconds(30)))
    #expect(machine.faulted(.held) == .giveUp)
    #expect(LinkMachine.Settings.launch.heldPause == nil)
  }
}

/// A clock that lets as much time pass as is waited for, and keeps the account.
private final class PassingClock: Clock {
  private let waited = Mutex<[Duration]>([])

  var pauses: [Duration] { self.waited.withLock { $0 } }
  var now: ContinuousClock.Instant {
    self.waited.withLock { Self.start.advanced(by: $0.reduce(.zero, +)) }
  }
  var minimumResolution: Duration { .zero }
  private static let start = ContinuousClock.now

  func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws {
    try Task.checkCancellation()
    let pause = self.now.duration(to: deadline)
    self.waited.withLock { $0.append(pause) }
  }
}

struct LinkKeeperTests {
  private static func fault(_ kind: NodeFault.Kind) -> NodeFault {
    NodeFault(node: "n1", kind: kind, Diagnostic(code: "x", "x"))
  }

  @Test func `a link is opened until a visit has done what it is for`() async {
    let clock = PassingClock()
    var visits = 0
    var lost: [NodeFault.Kind] = []
    await LinkKeeper.keep(LinkMachineTests.settings, clock: clock) { opened throws(NodeFault) in
      visits += 1
      switch visits {
      case 1, 2: throw Self.fault(.unreachable)
      case 3:
        opened()
        throw Self.fault(.unreachable)
      case 4: throw Self.fault(.refused)
      default: return
      }
    } lost: { fault in
      lost.append(fault.kind)
      return fault.kind
    }
    #expect(visits == 5)
    #expect(lost == [.unreachable, .unreachable, .unreachable, .refused])
    #expect(clock.pauses == [1, 2, 1, 30].map { .seconds($0) })
  }

  @Test func `a node that another holds is visited once`() async {
    let clock = PassingClock()
    var visits = 0
    await LinkKeeper.keep(.launch, clock: clock) { _ throws(NodeFault) in
      visits += 1
      // A keeper that goes on would never return.
      if visits < 10 { throw Self.fault(.held) }
    } lost: {
      $0.kind
    }
    #expect(visits == 1)
    #expect(clock.pauses == [])
  }

  @Test func `nothing is tried again where nothing more is wanted`() async {
    let clock = PassingClock()
    var visits = 0
    await LinkKeeper.keep(.work, clock: clock) { _ throws(NodeFault) in
      visits += 1
      if visits < 10 { throw Self.fault(.unreachable) }
    } lost: { _ in
      nil
    }
    #expect(visits == 1)
  }

  @Test func `one that is cancelled hears of no fault`() async {
    let clock = PassingClock()
    let task = Task {
      var lost = 0
      await LinkKeeper.keep(.watch, clock: clock) { _ throws(NodeFault) in
        for await _ in AsyncStream<Never>.makeStream().stream {}
        throw Self.fault(.unreachable)
      } lost: { fault in
        lost += 1
        return fault.kind
      }
      return lost
    }
    task.cancel()
    #expect(await task.value == 0)
  }
}
