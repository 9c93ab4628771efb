import Glibc
import OperatingSystem

/// The folder of one run on one node that people may read; it may be on a file system that other
/// nodes share.
///
/// ```
/// plan.json               as the coordinator handed it over; it holds no secrets
/// holder                  who holds the run: epoch and name, a line each
/// events.jsonl            what happened, a line each; events.1.jsonl: before that
/// spool/                  records on their way to the coordinator
/// <service>-<index>/      one for each replica (ReplicaFolder)
/// ```
package struct StateFolder: Equatable, Sendable {
  package let path: String

  var plan: String { "\(self.path)/plan.json" }
  var holder: String { "\(self.path)/holder" }
  var events: String { "\(self.path)/events.jsonl" }
  var spool: String { "\(self.path)/spool" }

  /// `$XDG_STATE_HOME/muster/runs/<run>/<node>`, by default below `~/.local/state`.
  ///
  /// - Throws: `NodeAgentError.usage` where the environment names no home.
  package init(
    for identity: AgentIdentity, environment: [String: String]
  ) throws(NodeAgentError) {
    let base: String
    if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") {
      base = state
    } else if let home = environment["HOME"], home.hasPrefix("/") {
      base = "\(home)/.local/state"
    } else {
      throw .usage("HOME is not set: there is no folder for the run's state")
    }
    self.path = "\(base)/muster/runs/\(identity.run)/\(identity.node)"
  }

  func readHolder() -> RunClaim.Holder? {
    guard let bytes = try? PlainFile.read(self.holder, sizeMax: 1024) else { return nil }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    guard lines.count == 2, let epoch = UInt64(lines[0]) else { return nil }
    return RunClaim.Holder(epoch: epoch, coordinator: String(lines[1]))
  }

  /// A run that is over leaves what people may read.
  func discardRecords() {
    SpoolFolder(path: self.spool).removeAll()
    rmdir(self.spool)
  }

  /// Removes the whole folder where no replica has run.
  func discardUnused() {
    let rest = (try? PlainFile.names(in: self.path)) ?? []
    let own = [self.plan, self.holder, self.events]
    guard rest.allSatisfy({ own.contains("\(self.path)/\($0)") }) else { return }
    for name in rest { unlink("\(self.path)/\(name)") }
    rmdir(self.path)
    // That of the run, once no other node has anything in it.
    rmdir(PlainFile.folder(of: self.path))
  }

  func write(_ holder: RunClaim.Holder) throws(SystemFault) {
    let text = "\(holder.epoch)\n\(holder.coordinator)\n"
    try PlainFile.publish(Array(text.utf8), at: self.holder)
  }
}
