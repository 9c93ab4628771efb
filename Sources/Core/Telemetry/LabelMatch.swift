/// A label and the value that it must have; a label that is not there has the empty value.
package struct LabelMatch: Equatable, Sendable {
  let name: [UInt8]
  let value: [UInt8]

  package init(_ name: String, _ value: String) {
    self.name = Array(name.utf8)
    self.value = Array(value.utf8)
  }
}

extension MetricsPage {
  /// Whether the sample has all the labels asked for; others may be there too.
  package func matches(_ sample: Sample, _ matches: [LabelMatch]) -> Bool {
    matches.allSatisfy { match in
      guard let value = self.value(of: match.name, in: sample) else { return match.value.isEmpty }
      return self.text(value, is: match.value)
    }
  }
}
