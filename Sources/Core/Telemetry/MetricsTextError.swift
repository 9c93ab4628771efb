/// What is wrong with a text of metrics, and where.
package struct MetricsTextError: Error, Equatable, CustomStringConvertible, Sendable {
  /// Counts from 1.
  package var line: Int
  /// Counts from 1, in bytes.
  package var column: Int
  package var problem: Problem

  package var description: String { "line \(self.line), column \(self.column): \(self.problem)" }

  /// In words.
  package struct Problem: Equatable, CustomStringConvertible, Sendable {
    package let description: String

    private init(_ description: String) {
      self.description = description
    }

    // More than the limit allows.
    package static func tooManyBytes(max: Int) -> Self {
      Self("the text has more than \(max) bytes")
    }
    package static func tooManySamples(max: Int) -> Self {
      Self("the text has more than \(max) samples")
    }
    package static func tooManyLabels(max: Int) -> Self {
      Self("the sample has more than \(max) labels")
    }
    package static func tooLongName(max: Int) -> Self {
      Self("the name has more than \(max) bytes")
    }
    package static func tooLongValue(max: Int) -> Self {
      Self("the label's value has more than \(max) bytes")
    }

    package static let noMetricName = Self("no metric name")
    package static let noLabelName = Self("no label name")
    package static let noEqualsSign = Self("no `=` after the label's name")
    package static let noQuote = Self("no `\"` before the label's value")
    package static let noCommaOrBrace = Self("no `,` or `}` after the label")
    package static let noBlank = Self("no blank")
    package static let noNumber = Self("no number")
    package static let noTimestamp = Self("no finite timestamp")
    package static let noType = Self("no type after the name")
    package static let noLineEnd = Self("more on the line than a sample has")
    package static let nameTwice = Self("the metric has two names")
    package static let labelTwice = Self("the label is there twice")
    package static let openQuote = Self("the line ends within quotes")
    /// What follows is missing, digits perhaps.
    package static let cutOff = Self("the text ends within a line")
    package static let afterEnd = Self("text after `# EOF`")
  }
}

/// How much of a text is read before it is refused: a server that is broken, or not ours, must not
/// take the memory of the one who watches it.
package struct MetricsTextLimits: Equatable, Sendable {
  /// 600 times what `vllm serve` shows, and within what ``TextSpan`` can point to.
  package static let byteCountMax = 64 << 20

  /// At most ``byteCountMax``.
  var byteCount = Self.byteCountMax
  /// What one page of a large exporter has, ten times over.
  var sampleCount = 1_000_000
  /// Of one sample, or of one exemplar; at most 65,535. Prometheus itself sets no limit by default; no
  /// exporter comes near.
  var labelCount = 64
  /// Bytes of a metric's or label's name.
  var nameSize = 1024
  /// Bytes of a label's value as written.
  var valueSize = 16 << 10
}
