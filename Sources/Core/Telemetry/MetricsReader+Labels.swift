/// Names and labels.
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
