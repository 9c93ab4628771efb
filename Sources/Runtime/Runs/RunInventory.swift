package import Coordinator
package import Fleet
import Health
import Launch
import Plan
import RecordFiles
import RunStore

/// All that is known of the runs of a name, here and on nodes, and what of it may go. Pure.
package struct RunInventory: Equatable, Sendable {
  /// What this machine has of a run.
  package struct Here: Equatable, Sendable {
    /// What its folder takes of the disk, in bytes.
    package var size: Int
    package var isFinished: Bool
    /// Who works on it now; `nil`: nobody.
    package var worker: String?
    /// Whether it is an eval with items that are not merged yet.
    package var isUnmerged = false
    /// Whether it is an eval of which every record is merged.
    package var isMerged = false
    /// The nodes of its plan; `nil`: it cannot be read.
    package var nodes: Set<String>? = []
  }

  /// Whether a run may go, and why not.
  package enum Standing: Equatable, Sendable {
    case over
    /// Something of it runs on a node.
    case live
    /// A process of this machine works on it.
    case held(by: String)
    /// An eval of which items are not merged yet: `--resume` finishes it.
    case unmerged
    /// A node keeps records of it that nobody has fetched.
    case records
    /// It was not ended from here, and not all of its nodes were asked and answered.
    case unknown

    package var word: String { self.words.state }
    /// Why it is kept; `nil` where it need not be.
    package var reason: String? { self.words.reason }

    private var words: (state: String, reason: String?) {
      switch self {
      case .over: ("over", nil)
      case .live: ("live", "it is live")
      case .held(let worker): ("held", "`\(worker)` works on it")
      case .unmerged:
        ("unmerged", "it has records that are not merged: `muster eval --resume` finishes it")
      case .records: ("records", "a node keeps records of it that nobody has fetched")
      case .unknown: ("unknown", "it was not ended from here, and not all of its nodes answered")
      }
    }
  }

  package struct Run: Equatable, Sendable {
    package var id: RunID
    /// Of its plan; empty: it is left on a node without one, whoever's it was.
    package var name: String
    /// `nil`: this machine has nothing of it.
    package var here: Here?
    /// By the names of the nodes that have something of it.
    package var nodes: [String: NodeRun] = [:]
    package fileprivate(set) var standing = Standing.over

    /// On all nodes together, in bytes.
    package var nodeSize: Int { self.nodes.values.reduce(0) { $0 + $1.size } }
    /// Who held it last, as far as anybody says.
    package var holder: String {
      self.nodes.sorted { $0.key < $1.key }.map(\.value.holder).first { !$0.isEmpty } ?? ""
    }
  }

  /// What goes.
  package enum Rule: Equatable, Sendable {
    /// All that began longer ago.
    case older(Duration)
    /// All but so many, the newest.
    case keep(Int)
  }

  /// The newest first.
  package private(set) var runs: [Run]

  /// - Parameters:
  ///   - nodes: What each node that answered has.
  ///   - silent: Nodes that did not answer.
  package init(
    here: [(id: RunID, name: String, here: Here)], nodes: [String: [NodeRun]],
    silent: Set<String> = []
  ) {
    var runs: [RunID: Run] = [:]
    for (id, name, here) in here { runs[id] = Run(id: id, name: name, here: here) }
    for (node, list) in nodes {
      for run in list {
        runs[run.id, default: Run(id: run.id, name: run.name)].nodes[node] = run
      }
    }
    self.runs = runs.values.sorted { $1.id < $0.id }
    for index in self.runs.indices {
      self.runs[index].standing = Self.standing(
        of: self.runs[index], answered: Set(nodes.keys), silent: silent)
    }
  }

  private static func standing(
    of run: Run, answered: Set<String>, silent: Set<String>
  ) -> Standing {
    if run.nodes.values.contains(where: \.isLive) { return .live }
    if let worker = run.here?.worker { return .held(by: worker) }
    if run.here?.isUnmerged == true { return .unmerged }
    let isMerged = run.here?.isMerged == true
    if !isMerged, run.nodes.values.contains(where: \.hasRecords) { return .records }
    if let here = run.here {
      let isCertain = here.isFinished || here.nodes?.isSubset(of: answered) ?? false
      return isCertain ? .over : .unknown
    }
    return silent.isEmpty ? .over : .unknown
  }

  /// The runs that a rule means: those that are over are doomed, the others kept all the same. What has
  /// no plan counts for no number: only its age takes it away.
  ///
  /// - Parameter now: Milliseconds since 1970.
  package func runs(by rule: Rule, at now: Int64) -> (doomed: [Run], kept: [Run]) {
    let meant: [Run]
    switch rule {
    case .older(let age):
      let limit = now - Int64(age / .milliseconds(1))
      meant = self.runs.filter { $0.id.milliseconds < limit }
    case .keep(let count): meant = Array(self.runs.filter { !$0.name.isEmpty }.dropFirst(count))
    }
    return (meant.filter { $0.standing == .over }, meant.filter { $0.standing != .over })
  }

  /// One object; what this machine or the nodes do not have is `null`.
  ///
  /// - Parameter now: Milliseconds since 1970.
  package func json(at now: Int64) -> JSONText {
    let runs = self.runs.map { run in
      JSONText.object([
        ("run", .string(run.id.rawValue)), ("name", .string(run.name)),
        ("state", .string(run.standing.word)),
        ("age_seconds", .integer(Int(max(0, now - run.id.milliseconds) / 1000))),
        ("bytes", run.here.map { .integer($0.size) } ?? .null),
        ("holder", .string(run.holder)),
        (
          "nodes",
          .array(
            run.nodes.sorted { $0.key < $1.key }.map { node, run in
              .object([
                ("node", .string(node)), ("bytes", .integer(run.size)),
                ("live", .bool(run.isLive)),
                ("records", .bool(run.hasRecords)),
              ])
            })
        ),
      ])
    }
    return .object([("runs", .array(runs))])
  }
}

extension RunInventory {
  /// The runs of a folder as this machine has them: all, or those of one name. Blocks for reading.
  ///
  /// - Parameter root: Such as `runs`; one that is not there has no runs.
  package static func here(
    in root: String, named name: String? = nil
  ) throws(RunFault) -> [(id: RunID, name: String, here: Here)] {
    try RunFault.storing {
      try RunList(root: root).runs(named: name).map { run in
        let plan = try? Plan(json: try run.plan())
        let hasRecords = ((try? run.recordedNodes()) ?? []).isEmpty == false
        return (
          run.id, run.name,
          Here(
            size: FolderTree.size(of: run.path), isFinished: run.isFinished,
            worker: RunLock.holder(of: run),
            isUnmerged: run.hasWorkPlan && hasRecords && !run.isFinished,
            isMerged: run.hasWorkPlan && run.isFinished,
            nodes: plan.map { Set($0.nodes.map(\.name)) })
        )
      }
    }
  }
}

/// What removing runs has come to.
package struct RunPruning: Equatable, Sendable {
  package struct Removed: Equatable, Sendable {
    package var id: RunID
    /// What it took of this machine's disk, in bytes.
    package var size = 0
    /// What it took of the disks of nodes.
    package var nodeSizes: [String: Int] = [:]
  }

  package var removed: [Removed] = []
  /// Why something is still there.
  package var refusals: [Diagnostic] = []

  package init() {}
}

extension FleetContext {
  /// The runs of the manifest's name, here and on its nodes.
  ///
  /// - Parameter isMeasured: Says sizes too.
  package func inventory(
    isMeasured: Bool
  ) async throws(RunFault) -> (inventory: RunInventory, faults: [NodeFault]) {
    let name = self.plan.name
    let asked = await NodeErrand.each(self.plan.nodes, open: self.errands) { errand in
      try await errand.runs(named: name, addsSizes: isMeasured)
    }
    let nodes = asked.answers.map { node, runs in
      (node.name, runs.filter { ["", name].contains($0.name) })
    }
    let inventory = RunInventory(
      here: try RunInventory.here(in: self.runsFolder, named: name),
      nodes: Dictionary(uniqueKeysWithValues: nodes), silent: Set(asked.faults.map(\.node)))
    return (inventory, asked.faults)
  }

  /// Removes runs, on their nodes first: what is still there is still listed.
  package func remove(_ runs: [RunInventory.Run]) async throws(RunFault) -> RunPruning {
    let wanted = Dictionary(
      uniqueKeysWithValues: self.plan.nodes.map { node in
        (node.name, runs.filter { $0.nodes[node.name] != nil }.map(\.id))
      })
    let merged = runs.filter { $0.here?.isMerged == true }.map(\.id)
    let asked = self.plan.nodes.filter { wanted[$0.name]?.isEmpty == false }
    let answered = await NodeErrand.each(asked, open: self.errands) { errand in
      try await errand.remove(wanted[errand.node.name] ?? [], merged: merged)
    }
    var pruning = RunPruning()
    var (sizes, kept): ([RunID: [String: Int]], Set<RunID>) = ([:], [])
    for (node, removed) in answered.answers {
      for run in removed {
        sizes[run.id, default: [:]][node.name] = run.size
        guard !run.refusal.isEmpty else { continue }
        kept.insert(run.id)
        pruning.refusals.append(
          Diagnostic(
            .warning, code: "run-kept", "\(node.name): run \(run.id) is kept",
            causes: [run.refusal]))
      }
    }
    for fault in answered.faults { kept.formUnion(wanted[fault.node] ?? []) }
    pruning.refusals += answered.faults.folded()
    for run in runs where !kept.contains(run.id) {
      var removed = RunPruning.Removed(id: run.id, nodeSizes: sizes[run.id] ?? [:])
      if run.here != nil {
        do throws(RunStoreError) {
          let list = RunList(root: self.runsFolder)
          removed.size = try list.remove(
            RunDirectory(root: self.runsFolder, name: run.name, id: run.id),
            holder: self.surroundings.coordinator)
        } catch {
          pruning.refusals.append(error.diagnostic)
          continue
        }
      }
      pruning.removed.append(removed)
    }
    return pruning
  }
}

/// Counts the records of the newest eval of a manifest that is not finished.
package struct RecordCounter: Sendable {
  private let list: RunList
  private let name: String
  private var tails: [String: RecordFileTail] = [:]

  package init(_ fleet: FleetContext) {
    self.list = RunList(root: fleet.runsFolder)
    self.name = fleet.plan.name
  }

  /// Blocks for reading.
  ///
  /// - Returns: `nil` where no eval is under way.
  package mutating func count() throws(RunFault) -> UInt64? {
    try RunFault.storing {
      let runs = try self.list.runs(named: self.name)
      guard let run = runs.first(where: { !$0.isFinished && $0.hasWorkPlan }) else { return nil }
      return try run.recordedNodes().reduce(0) { count, node in
        let path = run.recordFilePath(of: node)
        try self.tails[path, default: RecordFileTail(path: path)].look()
        return count + (self.tails[path]?.itemCount ?? 0)
      }
    }
  }
}
