package import Coordinator
import Fleet
import Glibc
import Health
import Launch
import Links
import OperatingSystem
import Plan
import Recipes
import RecordFiles
package import Runs
import Synchronization

/// Packs what a report of a fault needs of a run: plan, journal, states, events, the last lines of each
/// log. Each text is redacted before it is written, and only its owner may read the file.
package struct FaultBundle {
  /// Of `tar`, for what is at most some tens of megabytes.
  private static let packTimeoutMilliseconds: CInt = 60_000
  private static let logLineCount = 200
  /// 200 lines of 10 kB, in bytes.
  private static let logSizeMax = 2 << 20

  private let fleet: FleetContext
  private let run: LiveRun
  private let path: String
  private let parts: String

  /// - Parameter path: Absolute, of the file to write; its folder is there.
  package init(_ run: LiveRun, _ fleet: FleetContext, path: String) throws(RunFault) {
    self.fleet = fleet
    self.run = run
    self.path = path
    self.parts = "\(path).\(getpid()).parts"
    umask(0o077)
    for folder in [self.parts, "\(self.parts)/\(Self.name(of: run))"] {
      guard mkdir(folder, 0o700) == 0 else { throw Self.fault(folder) }
    }
  }

  /// `NAME-RUN`.
  package static func name(of run: LiveRun) -> String { "\(run.plan.name)-\(run.id)" }

  /// Writes the file.
  ///
  /// - Parameter versions: Of this program and what it stands on, a line each.
  /// - Returns: The faults of nodes that could not be asked; what is known without them is packed.
  package func pack(versions: String) async throws(RunFault) -> [NodeFault] {
    defer {
      let name = self.parts.split(separator: "/").last.map(String.init) ?? ""
      _ = try? FolderTree.remove(name, in: PlainFile.folder(of: self.parts))
    }
    let plan = try RunFault.storing { try self.run.plan.withoutSecrets.canonicalJSON() }
    try self.add("plan.json", String(decoding: plan, as: UTF8.self))
    try self.add("versions.txt", versions)
    let journal = try self.run.journalLines()
    try self.add("journal.jsonl", journal.map(\.line).joined())
    let facts = journal.filter { $0.kind == "facts" }
    if !facts.isEmpty { try self.add("facts.jsonl", facts.map(\.line).joined()) }
    let faults = self.run.isFinished ? [] : try await self.ask()
    try self.pack()
    return faults
  }

  private func ask() async throws(RunFault) -> [NodeFault] {
    let survey = try await self.fleet.chronicles(of: self.run, on: self.run.plan.nodes)
    let states = StatusReport(plan: self.run.plan, survey).json(run: self.run.id)
    try self.add("states.json", states.text + "\n")
    let events = survey.values.flatMap(\.events).map { Self.line($0) }
    try self.add("events.jsonl", events.joined())
    try await self.addLogs(silent: Set(survey.faults.map(\.node)))
    return survey.faults
  }

  private func addLogs(silent: Set<String>) async throws(RunFault) {
    let replicas = self.run.plan.standings(silent: silent).compactMap { replica in
      self.run.plan.nodes.first { $0.name == replica.node && !replica.isSilent }
        .map { (key: replica.key, node: $0) }
    }
    let texts = Mutex<[ReplicaKey: [UInt8]]>([:])
    let faults = try await self.fleet.logs(
      of: replicas, in: self.run, lastLineCount: Self.logLineCount
    ) { key, piece in
      texts.withLock { texts in
        let room = Self.logSizeMax - (texts[key]?.count ?? 0)
        texts[key, default: []] += piece.prefix(room)
      }
    }
    var logs = texts.withLock { $0 }
    for (key, fault) in faults {
      logs[key, default: []] += "no log: \(fault.diagnostic.summary)\n".utf8
    }
    for (key, _) in replicas {
      try self.add(
        "log-\(key.folderName).txt", String(decoding: logs[key] ?? [], as: UTF8.self))
    }
  }

  private func add(_ file: String, _ text: String) throws(RunFault) {
    let path = "\(self.parts)/\(Self.name(of: self.run))/\(file)"
    try RunFault.storing {
      let file = try OpenFile(path: path, flags: O_CREAT | O_EXCL | O_WRONLY)
      try file.write(Array(self.run.redact(text).utf8), at: 0)
    }
  }

  /// Writes the file beside its place and renames it.
  private func pack() throws(RunFault) {
    let unfinished = "\(self.parts)/packed"
    let ending: ChildProgram.Ending
    do throws(LinkError) {
      ending = try ChildProgram.run(
        ["tar", "-czf", unfinished, "-C", self.parts, Self.name(of: self.run)],
        timeoutMilliseconds: Self.packTimeoutMilliseconds)
    } catch {
      throw RunFault(.surroundings, error.diagnostic)
    }
    guard ending.status == 0 else {
      let words = String(decoding: ending.output, as: UTF8.self)
      throw RunFault(
        .surroundings, Diagnostic(code: "not-packed", "`tar` did not pack it", causes: [words]))
    }
    guard rename(unfinished, self.path) == 0 else { throw Self.fault(self.path) }
  }

  private static func fault(_ path: String) -> RunFault {
    RunFault(
      .surroundings,
      Diagnostic(
        code: "not-written", "`\(path)` cannot be written: \(String(cString: strerror(errno)))"))
  }

  private static func line(_ event: ChainEvent) -> String {
    JSONText.object([
      ("milliseconds", .integer(Int(event.milliseconds))), ("node", .string(event.node)),
      ("replica", event.replica.map { .string("\($0)") } ?? .null), ("what", .string(event.what)),
      ("reason", .string(event.reason)),
    ]).text + "\n"
  }
}
