package import Coordinator
package import Fleet
package import FleetView
package import Rollouts
package import Runs

/// How a command ends, decided here alone; README.md has the table.
package enum ExitStatus: Int32, CaseIterable, Equatable, Sendable {
  case success = 0
  /// What was asked for is wrong, or has failed: a manifest, a service.
  case failed = 1
  /// The environment's fault: a node that is not reached, a disk.
  case environment = 2
  /// Some of it and not all: replicas that are on their way, items that are missing.
  case incomplete = 3
  /// A wrong command line. Source: sysexits.h, `EX_USAGE`.
  case usage = 64
  /// By Ctrl-C or TERM; what came until then is kept.
  case interrupted = 130
  /// Nobody reads standard output any more: as `SIGPIPE` would end it.
  case brokenPipe = 141

  package init(_ condition: FleetCondition) {
    switch condition {
    case .ready: self = .success
    case .failed: self = .failed
    case .unreachable: self = .environment
    case .mixed: self = .incomplete
    }
  }

  package init(_ cause: RunFault.Cause) {
    switch cause {
    case .request: self = .failed
    case .surroundings: self = .environment
    }
  }

  /// Of what a merge found.
  package init(_ merge: MergeSummary) {
    self = merge.isComplete ? .success : .incomplete
  }

  package init(_ report: Report) {
    self = report.isComplete ? .success : .incomplete
  }

  package init(_ culprit: LaunchResult.Culprit) {
    switch culprit {
    case .service: self = .failed
    case .nodes: self = .environment
    }
  }

  /// Of replicas that were stopped, and of those of them that were started anew.
  package init(_ ending: RunEnding, then result: LaunchResult = LaunchResult()) {
    let started = result.reasons.isEmpty ? Self.success : Self(result.culprit)
    if !ending.leftovers.isEmpty || !ending.unseen.isEmpty || started == .failed {
      self = .failed
    } else {
      self = ending.faults.isEmpty ? started : .environment
    }
  }

  /// - Parameters:
  ///   - readyCount: Servers that a client may be sent to.
  ///   - missingCount: Those that it may not.
  package init(readyCount: Int, missingCount: Int) {
    self = missingCount == 0 ? .success : readyCount > 0 ? .incomplete : .environment
  }
}

/// A subcommand's end that is not a success, with what to say about it on standard error.
package struct CommandFailure: Error {
  package var status: ExitStatus
  package var diagnostics: [Diagnostic]

  package init(_ status: ExitStatus, _ diagnostics: [Diagnostic] = []) {
    self.status = status
    self.diagnostics = diagnostics
  }

  package init(
    _ status: ExitStatus, code: String, _ summary: String, causes: [String] = [],
    hints: [String] = []
  ) {
    self.init(status, [Diagnostic(code: code, summary, causes: causes, hints: hints)])
  }

  /// - Parameter status: Of a success: nothing is thrown.
  package static func unless(_ status: ExitStatus) throws(Self) {
    if status != .success { throw Self(status) }
  }
}
