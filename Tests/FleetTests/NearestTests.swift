import Fleet
import Testing

@Suite struct NearestTests {
  private let keys = ["services", "secrets", "ssh", "nodes", "tensor_parallel", "work"]

  @Test(arguments: [
    ("service", "services"), ("sevrices", "services"), ("Nodes", "nodes"),
    ("tensor-parallel", "tensor_parallel"), ("tensorparalel", "tensor_parallel"), ("wrok", "work"),
    ("shh", "ssh"),
  ])
  func `a typing error finds its name`(typed: String, meant: String) {
    #expect(Nearest.name(to: typed, in: self.keys) == meant)
  }

  @Test(arguments: ["", "x", "completely", "gpu", "ring"])
  func `another word finds nothing`(typed: String) {
    #expect(Nearest.name(to: typed, in: self.keys) == nil)
  }

  @Test func `the first of equals wins, and an empty list has none`() {
    #expect(Nearest.name(to: "ab", in: ["ac", "ad"]) == "ac")
    #expect(Nearest.name(to: "ab", in: []) == nil)
    let long = String(repeating: "a", count: 100_000)
    #expect(Nearest.name(to: long, in: [long]) == long)
  }
}
