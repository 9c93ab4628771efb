import Fleet
import Testing

struct ArgumentListTests {
  @Test(arguments: [
    (["serve", "--host", "::1"], "::1"), (["--host=10.0.0.5"], "10.0.0.5"),
    (["--host", "a", "--host=b"], "b"), (["--hostile", "a"], nil), (["--host"], nil),
    (["serve"], nil), (["--host="], ""),
  ])
  func `the last value of an option counts`(arguments: [String], value: String?) {
    #expect(ArgumentList.value(of: "--host", in: arguments) == value)
  }
}
