import Fleet
import Testing

@Suite struct DiagnosticTests {
  @Test func `all parts stand in their order`() {
    let diagnostic = Diagnostic(
      code: "too-many-gpus", "manifest asks for 8 GPUs on gpu[01-04], which report 4 each",
      at: SourceLocation(file: "clusters/eval.yaml", line: 23, column: 11),
      causes: ["service `policy` has tensor_parallel 8"],
      hints: ["lower `tensor_parallel` to 4, or move `policy` to @big"])
    #expect(
      diagnostic.rendered() == """
        error: manifest asks for 8 GPUs on gpu[01-04], which report 4 each
          --> clusters/eval.yaml:23:11
          caused by: service `policy` has tensor_parallel 8
        hint: lower `tensor_parallel` to 4, or move `policy` to @big

        """)
  }

  @Test func `a warning may have nothing but its summary`() {
    #expect(Diagnostic(.warning, code: "x", "so it is").rendered() == "warning: so it is\n")
  }

  @Test func `places stand in the order of their text`() {
    let places = [("b", 1, 1), ("a", 2, 1), ("a", 1, 9), ("a", 1, 10)]
      .map { SourceLocation(file: $0.0, line: $0.1, column: $0.2) }
    #expect(places.sorted().map(\.description) == ["a:1:9", "a:1:10", "a:2:1", "b:1:1"])
  }
}
