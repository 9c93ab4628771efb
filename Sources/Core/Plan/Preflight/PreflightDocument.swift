import FoundationEssentials
import Fleet

/// Facts and findings as JSON, its keys in snake case and sorted.
package enum PreflightDocument {
  private struct Finding: Encodable {
    var severity: String
    var code: String
    var summary: String
    var nodes: [String]
    var details: [String]
    var hints: [String]
  }

  private struct Document: Encodable {
    var nodes: [PreflightAnswer]
    var findings: [Finding]
    /// Nodes that gave no facts.
    var unreachable: [String]
  }

  /// - Parameter unreachable: Nodes that gave no facts.
  /// - Returns: One line without line feed.
  package static func json(
    _ answers: [PreflightAnswer], _ findings: [PreflightFinding], unreachable: [String]
  ) throws -> String {
    try Self.text(
      Document(
        nodes: answers,
        findings: findings.map { finding in
          Finding(
            severity: finding.diagnostic.severity.rawValue, code: finding.diagnostic.code,
            summary: finding.diagnostic.summary, nodes: finding.nodes.map(\.rawValue),
            details: finding.details, hints: finding.diagnostic.hints)
        }, unreachable: unreachable))
  }

  /// Of one node, for the journal.
  package static func json(_ answer: PreflightAnswer) throws -> String {
    try Self.text(answer)
  }

  private static func text(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}
