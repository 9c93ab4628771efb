package import Fleet
import Glibc
import OperatingSystem
import Rollouts
package import RunStore

/// Why something cannot be done with a run, in words.
package struct RunFault: Error, Equatable, Sendable {
  package enum Cause: Equatable, Sendable {
    /// What was asked for: there is no such run, or one of another plan.
    case request
    /// A disk, a node, another process.
    case surroundings
  }

  package var cause: Cause
  package var diagnostics: [Diagnostic]

  package init(_ cause: Cause, _ diagnostics: [Diagnostic]) {
    self.cause = cause
    self.diagnostics = diagnostics
  }

  package init(_ cause: Cause, _ diagnostic: Diagnostic) {
    self.init(cause, [diagnostic])
  }

  package init(_ error: RunStoreError) {
    if case .noRun = error {
      self.init(.request, error.diagnostic)
    } else {
      self.init(.surroundings, error.diagnostic)
    }
  }

  /// Carries `body` out; what it finds wrong with a run on disk becomes a fault of the surroundings.
  package static func storing<Result: ~Copyable>(_ body: () throws -> Result) throws(RunFault)
    -> Result
  {
    do {
      return try body()
    } catch let fault as RunFault {
      throw fault
    } catch let error as RunStoreError {
      throw RunFault(error)
    } catch let error as SystemFault {
      throw RunFault(.file(error))
    } catch let error as Diagnostic {
      throw RunFault(.surroundings, [error])
    } catch {
      throw RunFault(.surroundings, [Diagnostic(code: "run", "\(error)")])
    }
  }
}

extension RunStoreError {
  /// As a person is told.
  package var diagnostic: Diagnostic {
    switch self {
    case .file(let fault):
      Diagnostic(
        code: "file", "cannot \(fault.operation) `\(fault.path)`",
        causes: [fault.reason])
    case .locked(let path, let holder):
      Diagnostic(
        code: "run-locked", "another process works on this run: `\(holder)`",
        causes: ["it holds `\(path)`"], hints: ["wait until it ends, or end it"])
    case .noRun(let reference):
      Diagnostic(
        code: "no-run", "there is no run `\(reference)`",
        hints: ["name a run's folder, or its root with `--runs`"])
    case .damaged(let path, let reason):
      Diagnostic(
        code: "run-damaged", "`\(path)`: \(reason)",
        hints: ["bring the file back from a copy, or name an eval that has it: see `muster runs`"])
    case .otherVersion(let path, let version):
      Diagnostic(
        code: "unknown-version",
        "`\(path)` has version `\(version)`, and this program reads \(WorkPlan.formVersion)",
        hints: ["the `muster` that began the eval finishes it"])
    case .fewer(let path, let count, let keptCount, let damaged):
      Diagnostic(
        code: "fewer-results", "the records have \(count) results, and `\(path)` has \(keptCount)",
        causes: damaged.isEmpty ? ["a record file is missing, or ends early"] : damaged,
        hints: ["bring the record files back, or move `\(path)` away to merge what they have"])
    case .unmerged(let path, let reason):
      Diagnostic(
        code: "run-damaged", "`\(path)`: \(reason)",
        hints: ["`muster merge RUN` makes the result anew from the records"])
    case .journal(let path, let reason):
      Diagnostic(
        code: "journal", "the journal `\(path)` refuses", causes: [reason],
        hints: ["`muster status` and `muster down` need no journal: they ask the nodes"])
    }
  }
}
