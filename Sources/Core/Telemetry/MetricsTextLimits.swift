/// How much of a text is read before it is refused: a server that is broken, or not ours, must not
/// take the memory of the one who watches it.
package struct MetricsTextLimits: Equatable, Sendable {
  /// 600 times what `vllm serve` shows, and within what ``TextSpan`` can point to.
  package static let byteCountMax = 64 << 20
  /// What one page of a large exporter has, ten times over.
  package static let sampleCountMax = 1_000_000
  /// Prometheus itself sets no limit by default; no exporter comes near.
  package static let labelCountMax = 64
  package static let nameSizeMax = 1024
  package static let valueSizeMax = 16 << 10

  /// At most ``byteCountMax``.
  package let byteCount: Int
  package let sampleCount: Int
  /// Of one sample, or of one exemplar; at most 65,535.
  package let labelCount: Int
  /// Bytes of a metric's or label's name.
  package let nameSize: Int
  /// Bytes of a label's value as written.
  package let valueSize: Int

  package init(
    byteCount: Int = Self.byteCountMax, sampleCount: Int = Self.sampleCountMax,
    labelCount: Int = Self.labelCountMax, nameSize: Int = Self.nameSizeMax,
    valueSize: Int = Self.valueSizeMax
  ) {
    precondition(byteCount <= Self.byteCountMax && labelCount <= 65_535, "limits out of range")
    self.byteCount = byteCount
    self.sampleCount = sampleCount
    self.labelCount = labelCount
    self.nameSize = nameSize
    self.valueSize = valueSize
  }
}
