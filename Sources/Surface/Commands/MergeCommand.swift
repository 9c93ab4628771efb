import ArgumentParser
import Fleet
import Rollouts
import RunStore
import Runs

/// `muster merge RUN`: merges what a run has, again or for the first time.
struct MergeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Merges a run's records into one result, every planned item once.",
    discussion: "Exit status 3 when items are missing: merged/missing.jsonl has their reasons.")

  @OptionGroup var location: MergeRunLocation

  func run() async throws {
    do throws(RunStoreError) {
      let (run, plan) = try self.location.found()
      let lock = try RunLock(run, holder: CoordinatorIdentity.name)
      let summary = try Self.merge(run, plan)
      _ = consume lock
      StandardStreams.data("\(run.mergedPath)/records.jsonl\n")
      StandardStreams.say(
        "merged \(summary.merged) of \(summary.planned) items, \(summary.missing) missing, "
          + "\(summary.conflicts) conflicts, \(summary.rejected) rejected")
      guard summary.missing > 0 else { return }
    } catch {
      throw CommandFailure(.environment, [error.diagnostic])
    }
    throw CommandFailure(.incomplete)
  }

  /// Merges what a run has, and says what of it is damaged.
  static func merge(
    _ run: RunDirectory, _ plan: WorkPlan
  ) throws(RunStoreError) -> MergeSummary {
    let summary = try MergeWriter(run: run, plan: plan).merge()
    for damage in summary.damaged {
      StandardStreams.say("warning: \(damage); what is before it was used")
    }
    return summary
  }
}
