import Rollouts
import Testing

@testable import Coordinator

/// What a dispatcher counts, and when it begins to count anew.
struct WorkDispatcherStateTests {
  private typealias State = WorkDispatcherState<ContinuousClock.Instant>
  private let start = ContinuousClock.now

  private func state() -> State {
    let machine = LeaseMachine(
      itemCount: 9, nodeCount: 2, leaseIDFirst: 1, settings: LeaseSettings(), at: self.start)
    return State(
      machine: machine,
      streams: ["n1", "n2"].map { State.Stream(name: $0, stored: WorkHistory()) },
      aloneSince: self.start)
  }

  private func tick(_ state: inout State, _ seconds: Int) {
    state.ticked(at: self.start + .seconds(seconds), unreachableTimeout: .seconds(120))
  }

  @Test func `the time without a node is counted from the last one that was there`() {
    var state = self.state()
    let (_, bell) = AsyncStream<Void>.makeStream()
    for second in 0..<119 { self.tick(&state, second) }
    state.connected(1, bell: bell)
    self.tick(&state, 119)
    state.streams[1].isOpen = false
    for second in 120..<239 { self.tick(&state, second) }
    #expect(!state.isOver)
    self.tick(&state, 240)
    #expect(state.ending == .unreachable)
  }

  @Test func `damage in a row cuts a node off, and what is right between does not count`() {
    var state = self.state()
    let right = BatchHeader(sequence: 1, leaseID: 1, attempt: 1, items: [0..<1])
    for _ in 0..<5 {
      for _ in 0..<2 { state.faulted(0, .damaged(sequence: 7), countMax: 3) }
      #expect(!state.isCutOff(0))
      _ = state.machine.leaseAsked(by: 0, at: self.start)
      state.stored([RecordBatch(right, lines: [])], by: 0, at: self.start)
    }
    for _ in 0..<3 { state.faulted(0, .damaged(sequence: 7), countMax: 3) }
    #expect(state.isCutOff(0) && !state.isCutOff(1))
  }
}
