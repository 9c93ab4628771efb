/// The second word of a `# TYPE` line; the raw value is that word.
package enum MetricType: String, CaseIterable, Sendable {
  /// `untyped` before OpenMetrics, and whatever a later format may bring.
  case unknown
  case counter
  case gauge
  case histogram
  case gaugehistogram
  case summary
  case info
  case stateset
}
