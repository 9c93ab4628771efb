import KVCacheSimulator
import Testing

struct SimulatorSpecificationTests {
  @Test func `a wrong policy is named with the nearest and all valid ones`() {
    let error = #expect(throws: SimulatorSpecificationError.self) {
      try SimulatorSpecification(policy: "lur", seed: 0, difficulty: "all")
    }
    #expect(
      error?.description
        == "unknown policy `lur`; did you mean `lru`? Valid: keep, random, lru, value, compress")
  }

  @Test func `a wrong difficulty is named with the nearest and all valid ones`() {
    let error = #expect(throws: SimulatorSpecificationError.self) {
      try SimulatorSpecification(policy: "lru", seed: 0, difficulty: "Hard")
    }
    #expect(
      error?.description
        == "unknown difficulty `Hard`; did you mean `hard`? Valid: easy, medium, hard, all")
  }

  @Test(arguments: [0, -1, Int.min, Int.max])
  func `counts out of range are refused`(count: Int) {
    let error = #expect(throws: SimulatorSpecificationError.self) {
      try SimulatorSpecification(
        policy: "lru", seed: 0, difficulty: "all", maxActionsPerStep: count)
    }
    #expect(error?.description == "max actions per step `\(count)` is not in 1 to 1000000")
  }

  @Test(arguments: [-1, 3601])
  func `a time out of range is refused`(seconds: Int) {
    let error = #expect(throws: SimulatorSpecificationError.self) {
      try SimulatorSpecification(
        policy: "lru", seed: 0, difficulty: "all", episodeCost: .seconds(seconds))
    }
    let cost = Duration.seconds(seconds)
    #expect(error?.description == "episode cost `\(cost)` is not in 0 to 3600.0 seconds")
  }

  @Test func `what is written reads back, and is the same bytes for the same specification`()
    throws
  {
    let text =
      #"{"difficulty":"hard","episode_cost_microseconds":3600000000,"#
      + #""max_actions_per_step":1000000,"policy":"random","seed":18446744073709551615}"#
    let specification = try SimulatorSpecification(
      policy: "random", seed: .max, difficulty: "hard",
      maxActionsPerStep: SimulatorSpecification.maxActionsMax, episodeCost: .seconds(3600))
    #expect(try specification.canonicalJSON() == Array(text.utf8))
    #expect(try SimulatorSpecification(canonicalJSON: Array(text.utf8)) == specification)
  }

  @Test func `what nobody wrote is refused with the reason`() throws {
    let right = try SimulatorSpecification().canonicalJSON()
    let text = String(decoding: right, as: UTF8.self)
    let error = #expect(throws: SimulatorSpecificationError.self) {
      try SimulatorSpecification(
        canonicalJSON: Array(text.replacing(#""lru""#, with: #""mru""#).utf8))
    }
    #expect(error?.description.hasPrefix("unknown policy `mru`; ") == true)
    let wrong = [
      "", "{}", "[]", text + " ", text.replacing("42", with: "-1"),
      text.replacing("42", with: "42.5"), text.replacing("}", with: #","zebra":1}"#),
      text.replacing(#""seed":42"#, with: #""seed":"42""#),
    ]
    for text in wrong {
      #expect(throws: SimulatorSpecificationError.self, "\(text)") {
        try SimulatorSpecification(canonicalJSON: Array(text.utf8))
      }
    }
  }
}
