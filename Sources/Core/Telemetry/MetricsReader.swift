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

  /// The next byte to read.
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
