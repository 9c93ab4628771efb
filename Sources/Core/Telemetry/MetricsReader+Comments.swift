/// Lines that begin with `#`.
extension MetricsReader {
  /// A line that begins with `#`.
  @inline(never)
  mutating func comment(_ bytes: Bytes) throws(Fault) {
    self.index += 1
    if self.skipBlanks(bytes) {
      let word = bytes.word(at: self.index)
      let next = UInt8(truncatingIfNeeded: word >> 32)
      let isWord = next == 0x20 || next == 0x09
      switch UInt32(truncatingIfNeeded: word) {
      // `HELP`, `TYPE`, `UNIT`
      case 0x504C_4548 where isWord:
        let (family, text) = try self.metadata(bytes)
        self.page.families[family].help = text
      case 0x4550_5954 where isWord:
        let (family, text) = try self.metadata(bytes)
        guard text.count > 0 else { throw self.fault(.noType) }
        // Every word of no type we know is unknown: a new type must not blind us.
        let word = String(decoding: bytes[text.range], as: UTF8.self)
        self.page.families[family].type = MetricType(rawValue: word) ?? .unknown
      case 0x5449_4E55 where isWord:
        _ = try self.metadata(bytes)
      default:
        if UInt32(truncatingIfNeeded: word) & 0xFF_FFFF == 0x46_4F45 {
          self.page.isOpenMetrics = true
        }
      }
    }
    // The only line that may end with the text.
    if self.page.isOpenMetrics { return try self.endMark(bytes) }
    self.index = MetricsWord.lineEnd(bytes, from: self.index)
    try self.lineEnd(bytes)
  }

  /// `EOF`, if nothing else is on the line.
  private mutating func endMark(_ bytes: Bytes) throws(Fault) {
    let lineEnd = MetricsWord.lineEnd(bytes, from: self.index)
    let text = MetricsWord.trimmed(bytes, self.index + 3, lineEnd)
    self.page.isOpenMetrics = text.count == 0
    self.index = lineEnd
    if !self.page.isOpenMetrics { try self.lineEnd(bytes) }
  }

  /// The name after the four letters here, and the rest of the line.
  private mutating func metadata(
    _ bytes: Bytes
  ) throws(Fault) -> (family: Int, text: TextSpan) {
    self.index += 4
    self.skipBlanks(bytes)
    let start = self.index
    let isQuoted = bytes[start] == Self.quote
    let name =
      isQuoted ? try self.quotedText(bytes, sizeMax: .max) : try self.metricName(bytes)
    guard name.count > 0 else { throw Fault(offset: start, problem: .noMetricName) }
    guard name.count <= self.page.limits.nameSize else {
      throw Fault(offset: start, problem: .tooLongName(max: self.page.limits.nameSize))
    }
    let hasBlank = self.skipBlanks(bytes)
    let lineEnd = MetricsWord.lineEnd(bytes, from: self.index)
    let text = MetricsWord.trimmed(bytes, self.index, lineEnd)
    guard hasBlank || text.count == 0 else { throw self.fault(.noBlank) }
    let isSame = self.page.families.last.map { bytes.equal($0.name, name) } ?? false
    if !isSame { self.page.families.append(.init(name: name)) }
    return (self.page.families.count - 1, text)
  }

  mutating func somethingAfterEnd(_ bytes: Bytes) -> Fault? {
    while self.index < self.end {
      self.skipBlanks(bytes)
      let byte = bytes[self.index]
      guard byte == Self.lineFeed || byte == 0x0D else { return self.fault(.afterEnd) }
      self.index += 1
    }
    return nil
  }
}
