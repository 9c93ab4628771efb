import Testing

@testable import Recipes

struct ExtraArgumentsTests {
  @Test(arguments: [
    (["serve", "--host", "::1"], "::1"), (["--host=10.0.0.5"], "10.0.0.5"),
    (["--host", "a", "--host=b"], "b"), (["--hostile", "a"], nil), (["--host"], nil),
    (["serve"], nil), (["--host="], ""), (["--hos=a"], "a"), (["-", "--", "a"], nil),
  ])
  func `the last value of an option counts`(arguments: [String], value: String?) {
    #expect(ExtraArguments(arguments).value(of: ["--host"]) == value)
  }

  @Test func `a flag is known by its words, whatever is between them`() {
    let arguments = ExtraArguments(["--tensor_parallel_size=4", "-tp", "8", "--api_key=k=1"])
    #expect(arguments.size("--tensor-parallel-size") == 4)
    #expect(arguments.size("--tensor-parallel-size", "-tp") == 8)
    #expect(arguments.size("-dp") == 1)
    #expect(arguments.has("--api-key"))
    let split = ExtraArguments(["--api_key=k=1", "--x=1"], splitting: ["--api-key"])
    #expect(split.words == ["--api_key", "k=1", "--x=1"])
  }
}
