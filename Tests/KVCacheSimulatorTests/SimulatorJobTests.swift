import KVCacheSimulator
import Testing

struct SimulatorJobTests {
  @Test func `a wrong policy is named with the nearest and all valid ones`() {
    let error = #expect(throws: SimulatorJobError.self) {
      try SimulatorJob(policy: "lur", seed: 0, difficulty: "all")
    }
    #expect(
      error?.description
        == "unknown policy `lur`; did you mean `lru`? Valid: keep, random, lru, value, compress")
  }

  @Test func `a wrong difficulty is named with the nearest and all valid ones`() {
    let error = #expect(throws: SimulatorJobError.self) {
      try SimulatorJob(policy: "lru", seed: 0, difficulty: "Hard")
    }
    #expect(
      error?.description
        == "unknown difficulty `Hard`; did you mean `hard`? Valid: easy, medium, hard, all")
  }

  @Test(arguments: [0, -1, Int.min, Int.max])
  func `counts out of range are refused`(count: Int) {
    #expect(throws: SimulatorJobError.rolloutsOutOfRange(count)) {
      try SimulatorJob(policy: "lru", seed: 0, difficulty: "all", rolloutsPerExample: count)
    }
    #expect(throws: SimulatorJobError.maxActionsOutOfRange(count)) {
      try SimulatorJob(policy: "lru", seed: 0, difficulty: "all", maxActionsPerStep: count)
    }
  }
}
