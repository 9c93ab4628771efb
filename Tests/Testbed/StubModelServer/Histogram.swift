/// A Prometheus histogram: cumulative buckets, sum and count.
struct Histogram {
  private let bounds: [Double]
  private var buckets: [Int]
  private var sum = 0.0
  private var count = 0

  init(_ bounds: [Double]) {
    self.bounds = bounds
    buckets = Array(repeating: 0, count: bounds.count)
  }

  mutating func observe(_ value: Double) {
    for index in bounds.indices where value <= bounds[index] { buckets[index] += 1 }
    sum += value
    count += 1
  }

  func lines(_ name: String, _ labels: String) -> String {
    var text = ""
    for (bound, total) in zip(bounds, buckets) {
      text += "\(name)_bucket{\(labels),le=\"\(bound)\"} \(Double(total))\n"
    }
    text += "\(name)_bucket{\(labels),le=\"+Inf\"} \(Double(count))\n"
    return text + "\(name)_count{\(labels)} \(Double(count))\n\(name)_sum{\(labels)} \(sum)\n"
  }
}
