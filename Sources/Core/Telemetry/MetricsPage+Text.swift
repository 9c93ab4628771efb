/// Names, values and help as text: for people and tests, and away from the hot path.
extension MetricsPage {
  /// The bytes of a name or of a label's value, escapes resolved.
  package func bytes(_ span: TextSpan) -> [UInt8] {
    self.withText { text in
      let raw = text[span.range]
      return span.hasEscapes ? Self.unescaped(raw, quotes: true) : Array(raw)
    }
  }

  /// ``bytes(_:)`` as text, wrong UTF-8 repaired.
  package func string(_ span: TextSpan) -> String {
    String(decoding: self.bytes(span), as: UTF8.self)
  }

  /// What the family says about itself. `\"` is a quote in OpenMetrics and itself before.
  package func help(_ family: Family) -> String {
    self.withText { text in
      String(
        decoding: Self.unescaped(text[family.help.range], quotes: self.isOpenMetrics),
        as: UTF8.self)
    }
  }

  /// The samples of a run, as indices into ``samples``.
  package func samples(ofRun index: Int) -> Range<Int> {
    let end =
      index + 1 < self.runs.count ? Int(self.runs[index + 1].firstSample) : self.samples.count
    return Int(self.runs[index].firstSample)..<end
  }

  /// Whether `span` means exactly `bytes`.
  func text(_ span: TextSpan, is bytes: [UInt8]) -> Bool {
    if span.hasEscapes { return self.bytes(span) == bytes }
    guard span.count == bytes.count else { return false }
    return self.withText { $0.equal(Int(span.start), bytes) }
  }

  /// The value of the label `name` of a sample; `nil` where it has none.
  func value(of name: [UInt8], in sample: Sample) -> TextSpan? {
    for index in sample.labels where self.text(self.labels[index].name, is: name) {
      return self.labels[index].value
    }
    return nil
  }

  /// A backslash before any other byte is itself, as in OpenMetrics.
  private static func unescaped(
    _ raw: Slice<UnsafeRawBufferPointer>, quotes: Bool
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(raw.count)
    var isEscaped = false
    for byte in raw {
      if isEscaped {
        switch byte {
        case 0x6E: bytes.append(0x0A)
        case 0x5C: bytes.append(0x5C)
        case 0x22 where quotes: bytes.append(0x22)
        default: bytes += [0x5C, byte]
        }
        isEscaped = false
      } else if byte == 0x5C {
        isEscaped = true
      } else {
        bytes.append(byte)
      }
    }
    if isEscaped { bytes.append(0x5C) }
    return bytes
  }
}
