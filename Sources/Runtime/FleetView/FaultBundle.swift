package import Coordinator
import Fleet
import Health
import Launch
import Plan
import Recipes
package import Runs
import Synchronization

/// Packs what a report of a fault needs of a run: plan, journal, states, events, the last lines of each
/// log; without secrets.
package struct FaultBundle {
  private static let logLineCount = 200
  /// 200 lines of 10 kB, in bytes.
  private static let logSizeMax = 2 << 20

  private let fleet: FleetContext
  private let run: LiveRun
  private let bundle: RunBundle

  /// - Parameter path: Absolute, of the file to write.
  package init(_ run: LiveRun, _ fleet: FleetContext, path: String) throws(RunFault) {
    self.fleet = fleet
    self.run = run
    self.bundle = try RunBundle(
      path: path, name: Self.name(of: run), redact: run.redact)
  }

  /// `NAME-RUN`.
  package static func name(of run: LiveRun) -> String { "\(run.plan.name)-\(run.id)" }

  /// Writes the file.
  ///
  /// - Parameter versions: Of this program and what it stands on, a line each.
  /// - Returns: The faults of nodes that could not be asked; what is known without them is packed.
  package func pack(versions: String) async throws(RunFault) -> [NodeFault] {
    defer { self.bundle.removeParts() }
    let plan = try RunFault.storing { try self.run.plan.withoutSecrets.canonicalJSON() }
    try self.bundle.add("plan.json", String(decoding: plan, as: UTF8.self))
    try self.bundle.add("versions.txt", versions)
    let journal = try self.run.journalLines()
    try self.bundle.add("journal.jsonl", journal.map(\.line).joined())
    let facts = journal.filter { $0.kind == "facts" }
    if !facts.isEmpty { try self.bundle.add("facts.jsonl", facts.map(\.line).joined()) }
    let faults = self.run.isFinished ? [] : try await self.ask()
    try self.bundle.pack()
    return faults
  }

  private func ask() async throws(RunFault) -> [NodeFault] {
    let survey = try await self.fleet.chronicles(of: self.run, on: self.run.plan.nodes)
    let states = StatusReport(plan: self.run.plan, survey).json(run: self.run.id)
    try self.bundle.add("states.json", states.text + "\n")
    let events = survey.values.flatMap(\.events).map { Self.line($0) }
    try self.bundle.add("events.jsonl", events.joined())
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
      try self.bundle.add(
        "log-\(key.folderName).txt", String(decoding: logs[key] ?? [], as: UTF8.self))
    }
  }

  private static func line(_ event: ChainEvent) -> String {
    JSONText.object([
      ("milliseconds", .integer(Int(event.milliseconds))), ("node", .string(event.node)),
      ("replica", event.replica.map { .string("\($0)") } ?? .null), ("what", .string(event.what)),
      ("reason", .string(event.reason)),
    ]).text + "\n"
  }
}
