import Fleet
import Testing

@testable import Telemetry

/// Whatever a server sends, it is read or refused, and nothing is looked at outside of it: in debug
/// builds every access to the text is checked.
struct MetricsFuzzTests {
  /// What the formats are made of.
  private static let pieces =
    [
      "\n", "\r\n", " ", "\t", "{", "}", "\"", "\\", "\\\"", ",", "=", "#", "# EOF\n", "# HELP ",
      "# TYPE ", "# UNIT a b\n", " # {a=\"b\"} 1", "e", ".", "-", "+Inf", "NaN", "1e999", "\u{0}",
      "{\"a.b\"} 1\n", "le=\"", "_total", "99999999999999999999", " 1600000000",
    ].map { Array($0.utf8) } + [[0xFF], [0x80, 0x0A]]

  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func `100,000 mutations of real texts are read or refused`(seed: UInt64) throws {
    var random = SplitMix64(state: seed)
    let texts = try MetricsTexts.allCases.map { try $0.bytes }
    var page = MetricsPage()
    var (readCount, faults): (Int, Set<String>) = (0, [])
    for _ in 0..<10_000 {
      let text = Self.mutation(of: texts, &random)
      do throws(MetricsTextError) {
        try page.read(text)
        readCount += 1
        Self.checkSpans(page, text.count)
      } catch {
        faults.insert("\(error.problem)")
        #expect(1...text.count { $0 == 0x0A } + 1 ~= error.line && error.column >= 1)
        #expect(page.samples.isEmpty && page.labels.isEmpty && page.runs.isEmpty)
      }
    }
    // Neither all refused nor all read.
    #expect(readCount > 1000 && readCount < 9000, "\(readCount)")
    #expect(faults.count > 12, "\(faults.sorted())")
  }

  @Test func `every beginning of a real text is read or refused`() throws {
    let text = try MetricsTexts.openMetrics.bytes
    var page = MetricsPage()
    for count in 0...text.count {
      let isLine = count == 0 || text[count - 1] == 0x0A || count == text.count
      let beginning = Array(text[..<count])
      if isLine || count == text.count - 1 {
        try page.read(beginning)
      } else {
        #expect(throws: MetricsTextError.self) { try page.read(beginning) }
      }
    }
  }

  /// Some lines of a text, changed in one to four places.
  private static func mutation(of texts: [[UInt8]], _ random: inout SplitMix64) -> [UInt8] {
    func below(_ bound: Int) -> Int { Int(random.next() % UInt64(max(1, bound))) }
    let text = texts[below(texts.count)]
    let start = text[..<below(text.count)].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    let cut = text[min(text.count, start + 20 + below(500))...].firstIndex(of: 0x0A)
    var bytes = Array(text[start..<(cut.map { $0 + 1 } ?? text.count)])
    for _ in 0...below(4) {
      let place = below(bytes.count)
      switch below(6) {
      case 0 where !bytes.isEmpty: bytes[place] ^= 1 << UInt8(below(8))
      case 1 where !bytes.isEmpty: bytes[place] = UInt8(below(256))
      case 2: bytes.insert(contentsOf: Self.pieces[below(Self.pieces.count)], at: place)
      case 3: bytes.removeSubrange(place..<min(bytes.count, place + below(20)))
      case 4:
        let copy = bytes[place..<min(bytes.count, place + below(80))]
        bytes.insert(contentsOf: Array(copy), at: below(bytes.count))
      default:
        // A whole line again, which is no fault.
        let line = bytes[..<(bytes.firstIndex(of: 0x0A).map { $0 + 1 } ?? 0)]
        bytes.append(contentsOf: Array(line))
      }
    }
    return bytes
  }

  /// Each sample's labels and name lie within the text, and runs cover all samples.
  private static func checkSpans(_ page: MetricsPage, _ size: Int) {
    var isInside = true
    var labelEnd = 0
    func check(_ span: TextSpan) { isInside = isInside && span.range.upperBound <= size }
    for sample in page.samples {
      check(sample.name)
      isInside = isInside && sample.name.count > 0 && sample.labels.lowerBound >= labelEnd
      labelEnd = sample.labels.upperBound
    }
    for label in page.labels {
      check(label.name)
      check(label.value)
    }
    for family in page.families {
      check(family.help)
      _ = page.help(family)
    }
    isInside = isInside && labelEnd <= page.labels.count
    isInside =
      isInside
      && page.runs.indices.map { page.samples(ofRun: $0).count }.reduce(0, +)
        == page.samples.count
    #expect(isInside)
    for sample in page.samples.suffix(2) { _ = page.string(sample.name) }
    for label in page.labels.suffix(2) { _ = page.string(label.value) }
  }
}
