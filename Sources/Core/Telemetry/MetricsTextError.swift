/// What is wrong with a text of metrics, and where.
package struct MetricsTextError: Error, Equatable, Sendable {
  package enum Problem: Equatable, Sendable {
    /// More bytes, samples, labels of one sample, bytes of a name or of a label's value than the
    /// limit allows.
    case tooManyBytes(max: Int)
    case tooManySamples(max: Int)
    case tooManyLabels(max: Int)
    case tooLongName(max: Int)
    case tooLongValue(max: Int)
    /// Something other than what has to stand there.
    case noMetricName
    case noLabelName
    case noEqualsSign
    case noQuote
    case noCommaOrBrace
    case noBlank
    case noNumber
    case noTimestamp
    case noType
    case noLineEnd
    case nameTwice
    case labelTwice
    /// A quoted text that the line ends in.
    case openQuote
    /// The text ends in the middle of a line: what follows is missing, digits perhaps.
    case cutOff
    case afterEnd
  }

  /// Counts from 1.
  package var line: Int
  /// Counts from 1, in bytes.
  package var column: Int
  package var problem: Problem
}

extension MetricsTextError: CustomStringConvertible {
  package var description: String { "line \(self.line), column \(self.column): \(self.problem)" }
}

extension MetricsTextError.Problem: CustomStringConvertible {
  package var description: String {
    switch self {
    case .tooManyBytes(let max): "the text has more than \(max) bytes"
    case .tooManySamples(let max): "the text has more than \(max) samples"
    case .tooManyLabels(let max): "the sample has more than \(max) labels"
    case .tooLongName(let max): "the name has more than \(max) bytes"
    case .tooLongValue(let max): "the label's value has more than \(max) bytes"
    case .noMetricName: "no metric name"
    case .noLabelName: "no label name"
    case .noEqualsSign: "no `=` after the label's name"
    case .noQuote: "no `\"` before the label's value"
    case .noCommaOrBrace: "no `,` or `}` after the label"
    case .noBlank: "no blank"
    case .noNumber: "no number"
    case .noTimestamp: "no finite timestamp"
    case .noType: "no type after the name"
    case .noLineEnd: "more on the line than a sample has"
    case .nameTwice: "the metric has two names"
    case .labelTwice: "the label is there twice"
    case .openQuote: "the line ends within quotes"
    case .cutOff: "the text ends within a line"
    case .afterEnd: "text after `# EOF`"
    }
  }
}
