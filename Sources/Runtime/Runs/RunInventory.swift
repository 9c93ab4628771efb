package import Coordinator
package import Fleet
import Health
import Launch

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
    package var isUnmerged: Bool
    /// The nodes of its plan; `nil`: it cannot be read.
    package var nodes: Set<String>?

    package init(
      size: Int, isFinished: Bool, worker: String? = nil, isUnmerged: Bool = false,
      nodes: Set<String>? = []
    ) {
      self.size = size
      self.isFinished = isFinished
      self.worker = worker
      self.isUnmerged = isUnmerged
      self.nodes = nodes
    }
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

    package var word: String {
      switch self {
      case .over: "over"
      case .live: "live"
      case .held: "held"
      case .unmerged: "unmerged"
      case .records: "records"
      case .unknown: "unknown"
      }
    }
  }

  package struct Run: Equatable, Sendable {
    package var id: RunID
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
  ///   - here: What this machine has, by id and name.
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

  /// The strongest reason against its going.
  private static func standing(
    of run: Run, answered: Set<String>, silent: Set<String>
  ) -> Standing {
    if run.nodes.values.contains(where: \.isLive) { return .live }
    if let worker = run.here?.worker { return .held(by: worker) }
    if run.here?.isUnmerged == true { return .unmerged }
    if run.nodes.values.contains(where: \.hasRecords) { return .records }
    if let here = run.here {
      let isCertain = here.isFinished || here.nodes?.isSubset(of: answered) ?? false
      return isCertain ? .over : .unknown
    }
    return silent.isEmpty ? .over : .unknown
  }

  /// The runs that a rule takes away: only those that are over.
  ///
  /// - Parameter now: Milliseconds since 1970.
  package func doomed(by rule: Rule, at now: Int64) -> [Run] {
    switch rule {
    case .older(let age):
      let limit = now - Int64(age / .milliseconds(1))
      return self.runs.filter { $0.standing == .over && $0.id.milliseconds < limit }
    case .keep(let count):
      return self.runs.dropFirst(count).filter { $0.standing == .over }
    }
  }

  /// One object; what this machine or the nodes do not have is `null`.
  ///
  /// - Parameter now: Milliseconds since 1970.
  package func json(at now: Int64) -> JSONText {
    let runs = self.runs.map { run in
      JSONText.object([
        ("run", .string(run.id.rawValue)), ("name", .string(run.name)),
        ("state", .string(run.standing.word)),
        ("age_seconds", .integer(Int((now - run.id.milliseconds) / 1000))),
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
