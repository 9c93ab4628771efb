import Foundation

/// The texts that the tests read: real ones all, as their servers and clients wrote them.
enum MetricsTexts: String, CaseIterable {
  /// `vllm serve` 0.32.0 on CPU, under load.
  case vllm = "../StubModelServerTests/vllm-0.32-metrics.txt"
  /// prometheus_client 0.26.0: what a process says about itself.
  case pythonProcess = "python-process.txt"
  /// The same client's OpenMetrics: exemplars, escapes, units, timestamps, every type of metric.
  case openMetrics = "openmetrics.txt"
  /// The same metrics in the older format, and names in quotes.
  case classic = "classic.txt"

  var bytes: [UInt8] {
    get throws { try [UInt8](Data(contentsOf: URL(fileURLWithPath: self.path))) }
  }

  var path: String { Self.folder.appending(path: self.rawValue).standardizedFileURL.path }

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
}
