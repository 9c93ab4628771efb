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
    #expect(throws: SimulatorSpecificationError.maxActionsOutOfRange(count)) {
      try SimulatorSpecification(
        policy: "lru", seed: 0, difficulty: "all", maxActionsPerStep: count)
    }
  }

  @Test(arguments: [-1, 3601])
  func `a time out of range is refused`(seconds: Int) {
    #expect(throws: SimulatorSpecificationError.episodeCostOutOfRange(.seconds(seconds))) {
      try SimulatorSpecification(
        policy: "lru", seed: 0, difficulty: "all", episodeCost: .seconds(seconds))
    }
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
    #expect(throws: SimulatorSpecificationError.unknownPolicy("mru")) {
      try SimulatorSpecification(
        canonicalJSON: Array(text.replacing(#""lru""#, with: #""mru""#).utf8))
    }
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
