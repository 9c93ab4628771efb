import Foundation
import Testing
import Yams

/// The scrape job, alert rules and board in `clusters/` fit what `/metrics` really shows.
struct MonitoringFilesTests {
  private static func file(_ name: String) throws -> String {
    try String(
      contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../clusters/\(name)"), encoding: .utf8)
  }

  private static func rules() throws -> [[String: Any]] {
    let rules = try #require(try Yams.load(yaml: try Self.file("alerts.yaml")) as? [String: Any])
    let groups = try #require(rules["groups"] as? [[String: Any]])
    return groups.flatMap { $0["rules"] as? [[String: Any]] ?? [] }
  }

  private static func panels() throws -> [[String: Any]] {
    let board = try JSONSerialization.jsonObject(with: Data(try Self.file("grafana.json").utf8))
    return try #require((board as? [String: Any])?["panels"] as? [[String: Any]])
  }

  /// The metrics that an expression of PromQL names: words that are no function, label, keyword or
  /// string.
  static func metrics(of expression: String) -> Set<String> {
    var text = expression
    for noise in [
      #""[^"]*""#, #"\{[^}]*\}"#, #"\[[^\]]*\]"#, #"\b(by|on|without|ignoring)\s*\([^)]*\)"#,
      #"\b(and|or|unless|by|on)\b"#, #"[a-zA-Z_]\w*\s*\("#,
    ] { text = text.replacing(try! Regex(noise), with: " ") }
    return Set(text.matches(of: /[a-zA-Z_:][a-zA-Z0-9_:]*/).map { String($0.0) })
  }

  /// Names of samples on a page that has all there can be.
  private static func shown() throws -> Set<String> {
    Set(
      try FleetExpositionTests.full().split(separator: "\n").filter { !$0.hasPrefix("#") }
        .map { String($0.prefix { $0 != "{" && $0 != " " }) })
  }

  @Test func `the names in an expression are found`() {
    #expect(
      Self.metrics(
        of: #"sum by (a, b) (rate(x:y_total{c="d"}[5m])) / on (e) (z or 3 * w{f=~"g|h"}) > 0"#)
        == ["x:y_total", "z", "w"])
  }

  @Test func `every metric that an alert names is shown, and every alert says what is wrong`()
    throws
  {
    let shown = try Self.shown()
    let rules = try Self.rules()
    #expect(rules.count == 10)
    for rule in rules {
      let expression = try #require(rule["expr"] as? String)
      let metrics = Self.metrics(of: expression)
      #expect(!metrics.isEmpty)
      // `up` is Prometheus' own.
      #expect(metrics.subtracting(shown).subtracting(["up"]) == [], "\(expression)")
      let words = (rule["annotations"] as? [String: String])?["summary"]
      #expect(words?.isEmpty == false && rule["alert"] is String)
    }
  }

  @Test func `every metric on the board is shown`() throws {
    let shown = try Self.shown()
    let panels = try Self.panels()
    #expect(panels.count == 15)
    for panel in panels {
      let targets = try #require(panel["targets"] as? [[String: Any]])
      #expect(!targets.isEmpty)
      for target in targets {
        let expression = try #require(target["expr"] as? String)
        let metrics = Self.metrics(of: expression)
        #expect(!metrics.isEmpty && metrics.subtracting(shown) == [], "\(expression)")
      }
    }
  }

  @Test func `the job scrapes where serve shows its metrics by default`() throws {
    let text = try Self.file("prometheus.yaml")
    let configuration = try #require(try Yams.load(yaml: text) as? [String: Any])
    #expect(configuration["rule_files"] as? [String] == ["alerts.yaml"])
    let jobs = try #require(configuration["scrape_configs"] as? [[String: Any]])
    #expect(jobs.map { $0["job_name"] as? String } == ["muster"])
    let targets = try #require(jobs.first?["static_configs"] as? [[String: [String]]])
    #expect(targets == [["targets": ["127.0.0.1:9464"]]])
  }
}
