import ArgumentParser
import Runs

/// `muster merge RUN`: merges what a run has, again or for the first time.
struct MergeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Merges a run's records into one result, every planned item once.",
    discussion: "Exit status 3 when items are missing: merged/missing.jsonl has their reasons.")

  @OptionGroup var location: MergeRunLocation

  func run() async throws {
    let run = try self.location.found()
    let lock = try run.lock(holder: CoordinatorIdentity.name)
    let merged = try Self.merge(run)
    _ = consume lock
    StandardStreams.data("\(run.mergedRecordsPath)\n")
    StandardStreams.say(merged.words)
    guard merged.isComplete else { throw CommandFailure(.incomplete) }
  }

  /// Merges what a run has, and says what of it is damaged.
  static func merge(_ run: WorkedRun) throws -> WorkedRun.Merged {
    let merged = try run.merge()
    for damage in merged.damages {
      StandardStreams.say("warning: \(damage); what is before it was used")
    }
    return merged
  }
}
