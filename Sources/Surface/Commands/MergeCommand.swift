import ArgumentParser
import Fleet
import Glibc
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
      let lock = try RunLock(run, holder: Self.holder)
      let summary = try MergeWriter(run: run, plan: plan).merge()
      _ = consume lock
      StandardStreams.data("\(run.mergedPath)/records.jsonl\n")
      StandardStreams.say(
        "merged \(summary.merged) of \(summary.planned) items, \(summary.missing) missing, "
          + "\(summary.conflicts) conflicts, \(summary.rejected) rejected")
      for damage in summary.damaged {
        StandardStreams.say("warning: \(damage); what is before it was used")
      }
      guard summary.missing > 0 else { return }
    } catch {
      throw CommandFailure(.environment, [error.diagnostic])
    }
    throw CommandFailure(.incomplete)
  }

  /// This process, for whoever finds the run locked.
  private static var holder: String {
    var name = [CChar](repeating: 0, count: 256)
    let isKnown = gethostname(&name, name.count - 1) == 0
    let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    let host = isKnown ? String(decoding: bytes, as: UTF8.self) : "?"
    return "\(getpid())@\(host)"
  }
}
