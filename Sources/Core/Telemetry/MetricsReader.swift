/// Reads a text of metrics into the arrays of a ``MetricsPage``, in one pass and without looking back.
///
/// Every loop ends at a line feed, and line feeds follow the text, so that no byte but the last has to
/// be compared with the text's end.
struct MetricsReader {
  struct Fault: Error {
    var offset: Int
    var problem: MetricsTextError.Problem
  }

  typealias Bytes = UnsafeRawBufferPointer

  static let lineFeed: UInt8 = 0x0A
  static let quote: UInt8 = 0x22

  /// Empty at first.
  var page: MetricsPage

  var index = 0
  /// Where the text ends and the line feeds after it begin.
  var end = 0
  /// The name of the sample before, and whether it stood there without quotes.
  var name = TextSpan.empty
  var isNamePlain = false

  /// - Parameter bytes: The text and ``MetricsPage/paddingSize`` line feeds.
  /// - Returns: The first thing wrong with the text.
  mutating func readAll(_ bytes: Bytes) -> Fault? {
    self.end = bytes.count - MetricsPage.paddingSize
    do throws(Fault) {
      while true {
        self.skipBlanks(bytes)
        switch bytes[self.index] {
        case Self.lineFeed:
          guard self.index < self.end else { return nil }
          self.index += 1
        case 0x0D: try self.lineEnd(bytes)
        case 0x23:
          try self.comment(bytes)
          if self.page.isOpenMetrics { return self.somethingAfterEnd(bytes) }
        default: try self.sample(bytes)
        }
      }
    } catch {
      return error
    }
  }
}

// MARK: Samples

extension MetricsReader {
  @inline(__always)
  private mutating func sample(_ bytes: Bytes) throws(Fault) {
    guard self.page.samples.count < self.page.limits.sampleCount else {
      throw self.fault(.tooManySamples(max: self.page.limits.sampleCount))
    }
    let start = self.index
    let firstLabel = self.page.labels.count
    let isSame = self.startsWithSameName(bytes)
    var name = TextSpan(start, self.name.count)
    if isSame {
      self.index += name.count
    } else {
      name = try self.metricName(bytes)
    }
    let isPlain = name.count > 0
    let hasBlank = self.skipBlanks(bytes)
    if bytes[self.index] == 0x7B {
      try self.labelSet(bytes, &name)
      guard name.count > 0 else { throw Fault(offset: start, problem: .noMetricName) }
      self.skipBlanks(bytes)
    } else {
      guard hasBlank else { throw self.fault(.noBlank) }
    }
    if !isSame, !bytes.equal(self.name, name) {
      self.page.runs.append(
        .init(name: name, firstSample: UInt32(truncatingIfNeeded: self.page.samples.count)))
    }
    self.name = name
    self.isNamePlain = isPlain
    let value = try self.number(bytes)
    self.page.samples.append(
      .init(
        name: name, firstLabel: UInt32(truncatingIfNeeded: firstLabel),
        labelCount: UInt16(truncatingIfNeeded: self.page.labels.count - firstLabel), value: value))
    if bytes[self.index] != Self.lineFeed || self.index >= self.end {
      try self.afterValue(bytes)
    } else {
      self.index += 1
    }
  }

  /// Whether the name of the sample before, not quoted, stands here too: most of a histogram is that.
  @inline(__always)
  private func startsWithSameName(_ bytes: Bytes) -> Bool {
    let count = self.name.count
    guard self.isNamePlain, self.index + count < self.end else { return false }
    let next = bytes[self.index + count]
    guard next == 0x7B || next == 0x20 else { return false }
    return bytes.equal(Int(self.name.start), self.index, count: count)
  }

  /// A timestamp, an exemplar, the line's end.
  @inline(never)
  private mutating func afterValue(_ bytes: Bytes) throws(Fault) {
    if self.skipBlanks(bytes), !self.isAtLineEnd(bytes), bytes[self.index] != 0x23 {
      let number = try self.timestamp(bytes)
      self.page.timestamps.append(.init(sample: self.page.samples.count - 1, number: number))
      self.skipBlanks(bytes)
    }
    if bytes[self.index] == 0x23, bytes[self.index - 1] == 0x20 || bytes[self.index - 1] == 0x09 {
      try self.skipExemplar(bytes)
    }
    try self.lineEnd(bytes)
  }

  /// Nobody asks for one; it has to be well-formed all the same.
  private mutating func skipExemplar(_ bytes: Bytes) throws(Fault) {
    self.index += 1
    self.skipBlanks(bytes)
    guard bytes[self.index] == 0x7B else { throw self.fault(.noLineEnd) }
    let firstLabel = self.page.labels.count
    // What looks like a quoted name has no place here.
    var name = TextSpan(self.index, 1)
    try self.labelSet(bytes, &name)
    self.skipBlanks(bytes)
    _ = try self.number(bytes)
    if self.skipBlanks(bytes), !self.isAtLineEnd(bytes) {
      _ = try self.timestamp(bytes)
      self.skipBlanks(bytes)
    }
    self.page.labels.removeLast(self.page.labels.count - firstLabel)
  }

  @inline(__always)
  private mutating func number(_ bytes: Bytes) throws(Fault) -> Double {
    var at = self.index
    guard let number = MetricsNumber.read(bytes, from: &at) else { throw self.fault(.noNumber) }
    self.index = at
    return number
  }

  private mutating func timestamp(_ bytes: Bytes) throws(Fault) -> Double {
    var at = self.index
    guard let number = MetricsNumber.read(bytes, from: &at), number.isFinite else {
      throw self.fault(.noTimestamp)
    }
    self.index = at
    return number
  }

  private func isAtLineEnd(_ bytes: Bytes) -> Bool {
    bytes[self.index] == Self.lineFeed || bytes[self.index] == 0x0D
  }
}

// MARK: Ends and blanks

extension MetricsReader {
  /// Steps over the line feed here, and a carriage return before it.
  mutating func lineEnd(_ bytes: Bytes) throws(Fault) {
    if bytes[self.index] == 0x0D { self.index += 1 }
    guard bytes[self.index] == Self.lineFeed else { throw self.fault(.noLineEnd) }
    guard self.index < self.end else { throw self.fault(.cutOff) }
    self.index += 1
  }

  /// - Returns: Whether there were any.
  @inline(__always) @discardableResult
  mutating func skipBlanks(_ bytes: Bytes) -> Bool {
    let start = self.index
    while bytes[self.index] == 0x20 || bytes[self.index] == 0x09 { self.index += 1 }
    return self.index > start
  }

  func fault(_ problem: MetricsTextError.Problem) -> Fault {
    Fault(offset: self.index, problem: self.index >= self.end ? .cutOff : problem)
  }
}

// MARK: Names and labels

extension MetricsReader {
  /// Letters, digits, underscores and colons, the first no digit; none where the name is quoted and
  /// stands among the labels.
  @inline(__always)
  mutating func metricName(_ bytes: Bytes) throws(Fault) -> TextSpan {
    let start = self.index
    var at = start
    while MetricsNameByte.isPart(bytes[at]) { at += 1 }
    guard at > start || bytes[at] == 0x7B, bytes[start] &- 0x30 >= 10 else {
      throw self.fault(.noMetricName)
    }
    guard at - start <= self.page.limits.nameSize else {
      throw self.fault(.tooLongName(max: self.page.limits.nameSize))
    }
    self.index = at
    return TextSpan(start, at - start)
  }

  /// From the opening brace to behind the closing one.
  ///
  /// - Parameter name: The metric's; set where it is empty and the labels have it.
  @inline(__always)
  mutating func labelSet(_ bytes: Bytes, _ name: inout TextSpan) throws(Fault) {
    let first = self.page.labels.count
    self.index += 1
    while true {
      self.skipBlanks(bytes)
      if bytes[self.index] == 0x7D { break }
      guard self.page.labels.count - first < self.page.limits.labelCount else {
        throw self.fault(.tooManyLabels(max: self.page.limits.labelCount))
      }
      if bytes[self.index] == Self.quote {
        try self.quotedName(bytes, first, &name)
      } else {
        let start = self.index
        var at = start
        while MetricsNameByte.isPart(bytes[at]), bytes[at] != 0x3A { at += 1 }
        guard at > start, bytes[start] &- 0x30 >= 10 else { throw self.fault(.noLabelName) }
        self.index = at
        try self.label(bytes, TextSpan(start, at - start), first)
      }
      self.skipBlanks(bytes)
      let byte = bytes[self.index]
      if byte == 0x7D { break }
      guard byte == 0x2C else { throw self.fault(.noCommaOrBrace) }
      self.index += 1
    }
    self.index += 1
  }

  /// A name in quotes: a label's, or that of the metric.
  @inline(never)
  private mutating func quotedName(
    _ bytes: Bytes, _ first: Int, _ name: inout TextSpan
  ) throws(Fault) {
    let start = self.index
    let quoted = try self.quotedText(bytes, sizeMax: .max)
    self.skipBlanks(bytes)
    if bytes[self.index] == 0x3D {
      guard quoted.count > 0 else { throw Fault(offset: start, problem: .noLabelName) }
      return try self.label(bytes, quoted, first)
    }
    guard name.count == 0 else { throw Fault(offset: start, problem: .nameTwice) }
    guard quoted.count > 0 else { throw Fault(offset: start, problem: .noMetricName) }
    guard quoted.count <= self.page.limits.nameSize else {
      throw Fault(offset: start, problem: .tooLongName(max: self.page.limits.nameSize))
    }
    name = quoted
  }

  /// What follows the label's name.
  @inline(__always)
  private mutating func label(
    _ bytes: Bytes, _ name: TextSpan, _ first: Int
  ) throws(Fault) {
    guard name.count <= self.page.limits.nameSize else {
      throw Fault(
        offset: Int(name.start), problem: .tooLongName(max: self.page.limits.nameSize))
    }
    for index in first..<self.page.labels.count
    where bytes.equal(self.page.labels[index].name, name) {
      throw Fault(offset: Int(name.start), problem: .labelTwice)
    }
    self.skipBlanks(bytes)
    guard bytes[self.index] == 0x3D else { throw self.fault(.noEqualsSign) }
    self.index += 1
    self.skipBlanks(bytes)
    guard bytes[self.index] == Self.quote else { throw self.fault(.noQuote) }
    let value = try self.quotedText(bytes, sizeMax: self.page.limits.valueSize)
    self.page.labels.append(.init(name: name, value: value))
  }

  /// What is between the quote here and the next that no backslash escapes; steps behind that.
  @inline(__always)
  mutating func quotedText(_ bytes: Bytes, sizeMax: Int) throws(Fault) -> TextSpan {
    let start = self.index + 1
    var at = start
    var hasEscapes = false
    while true {
      let marks = MetricsWord.quotedTextMarks(bytes.word(at: at))
      guard marks != 0 else {
        at += 8
        continue
      }
      at += marks.trailingZeroBitCount / 8
      if bytes[at] == Self.quote { break }
      // Any byte may follow a backslash but the line's end.
      guard bytes[at] == 0x5C, bytes[at + 1] != Self.lineFeed else {
        throw Fault(offset: start - 1, problem: .openQuote)
      }
      hasEscapes = true
      at += 2
    }
    guard at - start <= sizeMax else {
      throw Fault(offset: start - 1, problem: .tooLongValue(max: sizeMax))
    }
    self.index = at + 1
    return TextSpan(start, at - start, hasEscapes: hasEscapes)
  }
}

// MARK: Lines that begin with `#`

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
