/// What a Prometheus histogram holds: counts by upper bound, sum and count.
struct Histogram {
  let bounds: [Double]
  /// Values at most as large as the bound of the same index.
  private(set) var buckets: [Int]
  private(set) var sum = 0.0
  private(set) var count = 0

  init(_ bounds: [Double]) {
    self.bounds = bounds
    buckets = Array(repeating: 0, count: bounds.count)
  }

  mutating func observe(_ value: Double) {
    for index in bounds.indices where value <= bounds[index] { buckets[index] += 1 }
    sum += value
    count += 1
  }

  /// 1, 2, 5, 10, 20, 50 … up to `limit`, as vLLM's `build_1_2_5_buckets`.
  static func bounds125(upTo limit: Int) -> [Double] {
    var (bounds, power) = ([Double](), 1)
    while power <= limit {
      bounds += [1, 2, 5].map { $0 * power }.filter { $0 <= limit }.map(Double.init)
      power *= 10
    }
    return bounds
  }
}
