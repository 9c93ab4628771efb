package import Coordinator
import Fleet
import Plan

extension LiveRun {
  /// Writes what happened in a launch, before it is acted on.
  package func record(_ event: LaunchEvent) {
    switch event {
    case .attached(let node, let processID):
      self.record("attached", node, #"{"pid":\#(processID)}"#)
    case .faulted(let fault):
      self.record("faulted", fault.node, Self.detail([("summary", fault.diagnostic.summary)]))
    case .examined(let answer):
      self.record("facts", answer.node, (try? PreflightDocument.json(answer)) ?? "{}")
    case .checked(let findings):
      for finding in findings {
        let diagnostic = finding.folded
        self.record(
          "preflight", diagnostic.code,
          Self.detail([
            ("severity", diagnostic.severity.rawValue), ("summary", diagnostic.summary),
          ]))
      }
    case .starting(let services):
      for service in services { self.record("start", service) }
    case .reported(let report):
      self.record([self.written(ChainEvent(report))])
    case .warned(let diagnostic):
      let what = ([diagnostic.summary] + diagnostic.causes).joined(separator: "; ")
      self.record("warned", self.id, Self.detail([("what", what)]))
    case .succeeded:
      self.record("launched", self.id)
    case .aborted(let diagnostics):
      self.record(
        "aborted", self.id,
        Self.detail([("reasons", diagnostics.map(\.summary).joined(separator: "; "))]))
    case .leftBehind(let node, let leftovers):
      self.record(
        "left behind", node, Self.detail([("what", leftovers.joined(separator: "; "))]))
    }
  }

  private static func detail(_ pairs: [(String, String)]) -> String {
    JSONText.object(pairs.map { ($0.0, .string($0.1)) }).text
  }
}
