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
