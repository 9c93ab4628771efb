import Foundation

/// A `/metrics` text taken apart.
struct MetricsPage {
  struct Family: Hashable {
    let name: String
    let type: String
    let help: String
    /// Names of the labels of all its samples.
    var labels: Set<String> = []
  }

  struct Sample: Hashable {
    let name: String
    let labels: [String: String]
  }

  private(set) var families: [Family] = []
  private(set) var values: [Sample: Double] = [:]
  /// Samples in the order of the text.
  private(set) var samples: [Sample] = []

  /// The page of the real server, measured under load: version 0.32.0 on CPU, model `tiny`,
  /// `--max-model-len 2048`.
  static func measured() throws -> MetricsPage {
    let file = BuiltServer.folder.appending(path: "vllm-0.32-metrics.txt")
    return try MetricsPage(String(contentsOf: file, encoding: .utf8))
  }

  init(_ text: String) throws {
    var help = ""
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
      if line.hasPrefix("# HELP "), words.count == 4 {
        help = String(words[3])
      } else if line.hasPrefix("# TYPE "), words.count == 4 {
        self.families.append(Family(name: String(words[2]), type: String(words[3]), help: help))
      } else {
        try self.read(line)
      }
    }
  }

  private mutating func read(_ line: Substring) throws {
    guard let match = line.wholeMatch(of: /([a-z_:0-9]+)(?:\{(.*)\})? ([^ ]+)/),
      let value = Double(match.3), let family = self.families.indices.last,
      match.1.hasPrefix(self.families[family].name)
    else { throw TestFailure("not a sample of its family: `\(line)`") }
    var labels: [String: String] = [:]
    var order: [String] = []
    for pair in (match.2 ?? "").matches(of: /([a-z_]+)="([^"]*)"/) {
      labels[String(pair.1)] = String(pair.2)
      order.append(String(pair.1))
    }
    guard order == order.sorted() else { throw TestFailure("labels not in order: `\(line)`") }
    let sample = Sample(name: String(match.1), labels: labels)
    guard self.values.updateValue(value, forKey: sample) == nil else {
      throw TestFailure("twice: `\(line)`")
    }
    self.samples.append(sample)
    self.families[family].labels.formUnion(labels.keys)
  }

  /// The sample of that name with these labels among its own; `nan` where it is not one.
  func value(_ name: String, _ labels: [String: String] = [:]) -> Double {
    let found = self.values.filter { sample, _ in
      sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
    }
    return found.count == 1 ? found.values.first ?? .nan : .nan
  }

  /// What moved since an earlier page, but for the facts of the process; new samples count from 0.
  func moved(since earlier: MetricsPage) -> [Sample: Double] {
    self.values.reduce(into: [:]) { moved, entry in
      let change = entry.value - earlier.values[entry.key, default: 0]
      if change != 0, !entry.key.name.hasPrefix("process_") { moved[entry.key] = change }
    }
  }
}
