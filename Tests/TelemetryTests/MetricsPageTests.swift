import Testing

@testable import Telemetry

struct MetricsPageTests {
  /// Name, labels in order, value, all as text.
  private static func read(_ text: String) throws(MetricsTextError) -> [String] {
    var page = MetricsPage()
    try page.read(Array(text.utf8))
    return page.samples.map { sample in
      let labels = page.labels[sample.labels].map {
        "\(page.string($0.name))=\(page.string($0.value))"
      }
      return "\(page.string(sample.name))|\(labels.joined(separator: "|"))|\(sample.value)"
    }
  }

  @Test(arguments: [
    ("", []),
    ("\n \n\t\n", []),
    ("a 1\n", ["a||1.0"]),
    ("a 1\r\n\r\nb 2\r\n", ["a||1.0", "b||2.0"]),
    ("a:b_C9 +1.5e3\n", ["a:b_C9||1500.0"]),
    ("\t a \t 1 \t\n", ["a||1.0"]),
    ("a{} 1\n", ["a||1.0"]),
    ("a{}1\n", ["a||1.0"]),
    ("a {x=\"1\"} 1\n", ["a|x=1|1.0"]),
    ("a{ x = \"1\" , y = \"2\" , } 1\n", ["a|x=1|y=2|1.0"]),
    ("a{y=\"2\",x=\"1\"} 1\n", ["a|y=2|x=1|1.0"]),
    ("a{x=\"\"} 1\n", ["a|x=|1.0"]),
    ("a{x=\"} 2 # {,=\"} 1\n", ["a|x=} 2 # {,=|1.0"]),
    ("a{x=\"\\\\\\\"\\n\\t\"} 1\n", ["a|x=\\\"\n\\t|1.0"]),
    ("a{x=\"\\\\\"} 1\n", ["a|x=\\|1.0"]),
    ("a{x=\"1234567\\\"9\"} 1\n", ["a|x=1234567\"9|1.0"]),
    (
      "a +Inf\na -Inf\na NaN\na inf\na -infinity\n",
      ["a||inf", "a||-inf", "a||nan", "a||inf", "a||-inf"]
    ),
    ("a 1 1600000000000\na 2 -5\n", ["a||1.0", "a||2.0"]),
    ("ab 1\nabc 2\na 3\na{x=\"1\"} 4\n", ["ab||1.0", "abc||2.0", "a||3.0", "a|x=1|4.0"]),
    ("{\"a.b\",x=\"1\"} 1\n{x=\"1\",\"a.b\"} 2\na 3\n", ["a.b|x=1|1.0", "a.b|x=1|2.0", "a||3.0"]),
    ("{\"a\"} 1\na{x=\"1\"} 2\n{\"a b\"} 3\n", ["a||1.0", "a|x=1|2.0", "a b||3.0"]),
    ("a{\"x y\"=\"1\"} 1\n", ["a|x y=1|1.0"]),
    ("# a comment\n#\n##\n#HELP\n# HELP\n# TYPED a\n# EOFX\na 1\n", ["a||1.0"]),
    ("a 1 # {t=\"x\"} 0.5 1.25\na 2 3 # {} 4\n", ["a||1.0", "a||2.0"]),
    ("a 1\n# EOF", ["a||1.0"]), ("a 1\n# EOF\n", ["a||1.0"]), ("a 1\n# EOF \r\n\n", ["a||1.0"]),
  ])
  func `what a text says is read`(text: String, expected: [String]) throws {
    #expect(try Self.read(text) == expected)
  }

  @Test(
    arguments: [
      ("a", 1, 2, .cutOff), ("a 1", 1, 4, .cutOff), ("a 1\nb 12", 2, 5, .cutOff),
      ("a{x=\"1\"", 1, 8, .cutOff), ("a{", 1, 3, .cutOff), ("a ", 1, 3, .cutOff),
      ("# HELP a b", 1, 11, .cutOff), ("a 1\r", 1, 5, .cutOff), ("# TYPE a", 1, 9, .cutOff),
      ("a\n", 1, 2, .noBlank), ("a \n", 1, 3, .noNumber), ("a x\n", 1, 3, .noNumber),
      ("a -\n", 1, 3, .noNumber), ("a .\n", 1, 3, .noNumber), ("a 1e\n", 1, 3, .noNumber),
      ("a 1_000\n", 1, 4, .noLineEnd), ("a 0x10\n", 1, 4, .noLineEnd),
      ("a infx\n", 1, 3, .noNumber),
      ("a 1 x\n", 1, 5, .noTimestamp), ("a 1 NaN\n", 1, 5, .noTimestamp),
      ("a 1 2 3\n", 1, 7, .noLineEnd), ("a 1# {} 1\n", 1, 4, .noLineEnd),
      ("a 1 # x\n", 1, 7, .noLineEnd), ("a 1 # {x=\"1\"}\n", 1, 14, .noNumber),
      ("1a 1\n", 1, 1, .noMetricName), ("é 1\n", 1, 1, .noMetricName), ("a-b 1\n", 1, 2, .noBlank),
      ("{} 1\n", 1, 1, .noMetricName), ("{x=\"1\"} 1\n", 1, 1, .noMetricName),
      ("{\"\"} 1\n", 1, 2, .noMetricName), ("a{\"b\"} 1\n", 1, 3, .nameTwice),
      ("{\"a\",\"b\"} 1\n", 1, 6, .nameTwice),
      ("a{,} 1\n", 1, 3, .noLabelName), ("a{x=\"1\",,} 1\n", 1, 9, .noLabelName),
      ("a{1x=\"1\"} 1\n", 1, 3, .noLabelName), ("a{x:y=\"1\"} 1\n", 1, 4, .noEqualsSign),
      ("a{\"\"=\"1\"} 1\n", 1, 3, .noLabelName), ("a{x} 1\n", 1, 4, .noEqualsSign),
      ("a{x=1} 1\n", 1, 5, .noQuote), ("a{x=\"1\"y=\"2\"} 1\n", 1, 8, .noCommaOrBrace),
      ("a{x=\"1\n\"} 1\n", 1, 5, .openQuote), ("a{x=\"1\\\n\"} 1\n", 1, 5, .openQuote),
      ("\n\na{x=\"1\",x=\"2\"} 1\n", 3, 9, .labelTwice),
      ("{\"a b\"} 1\na b 2\n", 2, 3, .noNumber), ("{\"a b\"} 1\na b{} 2\n", 2, 3, .noNumber),
      ("# TYPE a\n", 1, 9, .noType), ("# TYPE 1 gauge\n", 1, 8, .noMetricName),
      ("# HELP a{ b\n", 1, 9, .noBlank),
      ("# EOF\na 1\n", 2, 1, .afterEnd), ("# EOF\n# EOF\n", 2, 1, .afterEnd),
    ] as [(String, Int, Int, MetricsTextError.Problem)])
  func `what is wrong is said with its line and column`(
    text: String, line: Int, column: Int, problem: MetricsTextError.Problem
  ) {
    let error = MetricsTextError(line: line, column: column, problem: problem)
    #expect(throws: error) { try Self.read(text) }
  }

  @Test func `each limit holds at its number and not one above`() throws {
    let limits = MetricsTextLimits(
      byteCount: 40, sampleCount: 3, labelCount: 2, nameSize: 5, valueSize: 4)
    func problem(_ text: String) -> MetricsTextError.Problem? {
      var page = MetricsPage(limits: limits)
      do throws(MetricsTextError) {
        try page.read(Array(text.utf8))
        return nil
      } catch {
        return error.problem
      }
    }
    #expect(problem("a 1\na 2\na 3\n") == nil)
    #expect(problem("a 1\na 2\na 3\na 4\n") == .tooManySamples(max: 3))
    #expect(problem("a{x=\"1\",y=\"2\"} 1\n") == nil)
    #expect(problem("a{x=\"1\",y=\"2\",z=\"3\"} 1\n") == .tooManyLabels(max: 2))
    #expect(problem("abcde{abcde=\"1234\"} 1\n") == nil)
    #expect(problem("{\"abcde\"} 1\n") == nil)
    #expect(problem("abcdef 1\n") == .tooLongName(max: 5))
    #expect(problem("{\"abcdef\"} 1\n") == .tooLongName(max: 5))
    #expect(problem("a{abcdef=\"1\"} 1\n") == .tooLongName(max: 5))
    #expect(problem("# HELP abcdef text\n") == .tooLongName(max: 5))
    #expect(problem("a{x=\"12345\"} 1\n") == .tooLongValue(max: 4))
    #expect(problem(String(repeating: "\n", count: 40)) == nil)
    #expect(problem(String(repeating: "\n", count: 41)) == .tooManyBytes(max: 40))
  }

  @Test func `families have type and help, whatever the order of the lines`() throws {
    var page = MetricsPage()
    try page.read(
      Array(
        """
        # UNIT a_seconds seconds
        # HELP a_seconds Two \\\\ lines\\nof "help" \\"x\\"\t
        # TYPE a_seconds gaugehistogram
        # TYPE b untyped
        # TYPE c brandnew
        #\tTYPE   d \t counter\u{20}
        # HELP e
        # HELP "f.g" text
        a_seconds 1 17
        # EOF

        """.utf8))
    #expect(page.families.map { page.string($0.name) } == ["a_seconds", "b", "c", "d", "e", "f.g"])
    #expect(
      page.families.map(\.type) == [
        .gaugehistogram, .unknown, .unknown, .counter, .unknown, .unknown,
      ])
    #expect(page.help(page.families[0]) == "Two \\ lines\nof \"help\" \"x\"")
    #expect(page.isOpenMetrics && page.timestamps.map(\.number) == [17])
    for type in MetricType.allCases {
      try page.read(Array("# TYPE a \(type.rawValue)\n".utf8))
      #expect(page.families.map(\.type) == [type])
    }
  }

  @Test func `a page that is read again has nothing of the text before, nor after a fault`() throws
  {
    var page = MetricsPage()
    try page.read(MetricsTexts.openMetrics.bytes)
    let first = PlainSample.samples(of: page)
    try page.read(MetricsTexts.vllm.bytes)
    #expect(page.samples.count == 518 && !page.isOpenMetrics)
    #expect(throws: MetricsTextError.self) { try page.read(Array("a 1\nb".utf8)) }
    #expect(page.samples.isEmpty && page.runs.isEmpty && page.labels.isEmpty)
    #expect(page.families.isEmpty && page.timestamps.isEmpty)
    try page.read(MetricsTexts.openMetrics.bytes)
    #expect(PlainSample.samples(of: page) == first)
  }

  @Test func `runs are the samples of one name that follow each other`() throws {
    var page = MetricsPage()
    try page.read(Array("a 1\na{x=\"1\"} 2\nab 3\na\t4\na 5\n{\"a\"} 6\n".utf8))
    #expect(page.runs.map { page.string($0.name) } == ["a", "ab", "a"])
    #expect(page.runs.indices.map { page.samples(ofRun: $0) } == [0..<2, 2..<3, 3..<6])
  }

  @Test func `label values need not be UTF-8`() throws {
    var page = MetricsPage()
    try page.read(Array("a{x=\"".utf8) + [0xFF, 0x00, 0xC3] + Array("\"} 1\n".utf8))
    #expect(page.bytes(page.labels[0].value) == [0xFF, 0x00, 0xC3])
  }
}
