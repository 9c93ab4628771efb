package import Fleet
import Glibc
package import OperatingSystem
import RecordFiles
package import Rollouts

/// The folder of one run, `ROOT/NAME/ID/`: `plan.json`, `shards.json`, `journal.sqlite`, `records/`,
/// `leases.jsonl`, `merged/`, `logs/`, `lock`, and `finished` once it is.
package struct RunDirectory: Equatable, Sendable {
  /// 64 MiB: a plan of 4,096 nodes and their services is smaller.
  private static let maximumPlanSize = 64 << 20
  private static let planName = "plan.json"
  private static let workPlanName = "shards.json"

  package let path: String
  package let name: String
  package let id: RunID

  package init(root: String, name: String, id: RunID) {
    self.path = "\(root)/\(name)/\(id)"
    self.name = name
    self.id = id
  }

  package var planPath: String { "\(self.path)/\(Self.planName)" }
  package var workPlanPath: String { "\(self.path)/\(Self.workPlanName)" }
  package var journalPath: String { "\(self.path)/journal.sqlite" }
  private var finishedPath: String { "\(self.path)/finished" }
  /// Beside its place, while it is filled.
  private var unfinishedName: String { ".\(self.id).new" }
  package var recordsPath: String { "\(self.path)/records" }
  /// What an eval leased to which node (`LeaseFile`).
  package var leasesPath: String { "\(self.path)/leases.jsonl" }
  package var mergedPath: String { "\(self.path)/merged" }

  /// The record file of a node, `records/NODE.records`.
  ///
  /// - Parameter node: The manifest's name of the node: no slash, not empty.
  package func recordFilePath(of node: String) -> String {
    precondition(!node.isEmpty && !node.contains("/"), "no name of a file: \(node)")
    return "\(self.recordsPath)/\(node).records"
  }

  /// Makes the folder with its plan, and points `ROOT/NAME/latest` at it. The folder is filled beside
  /// its place and renamed: a run that is killed here is there whole, or not at all.
  ///
  /// - Parameters:
  ///   - root: Made if it is not there.
  ///   - id: A new one, or that of a run that another machine began.
  ///   - plan: Canonical JSON of the plan.
  ///   - workPlan: Of a run that is an eval.
  package static func create(
    root: String, name: String, id: RunID, plan: [UInt8], workPlan: WorkPlan? = nil
  ) throws(RunStoreError) -> Self {
    let run = Self(root: root, name: name, id: id)
    try RunStoreError.filing { () throws(SystemFault) in
      let folder = "\(root)/\(name)"
      try PlainFile.makeFolders(folder, durably: true)
      let unfinished = "\(folder)/\(run.unfinishedName)"
      for inner in ["records", "merged", "logs"] {
        try PlainFile.makeFolders("\(unfinished)/\(inner)", durably: true)
      }
      try PlainFile.publish(plan, at: "\(unfinished)/\(Self.planName)", durably: true)
      if let workPlan {
        let bytes = Array(workPlan.canonicalText.utf8)
        try PlainFile.publish(bytes, at: "\(unfinished)/\(Self.workPlanName)", durably: true)
      }
      try PlainFile.rename(unfinished, to: run.path)
      try run.becomeLatest()
    }
    return run
  }

  /// Points `ROOT/NAME/latest` at it, in one step.
  func becomeLatest() throws(SystemFault) {
    let link = "\(PlainFile.folder(of: self.path))/latest"
    let temporary = "\(link).\(getpid()).new"
    unlink(temporary)
    try SystemFault.check("link", link) { symlink(self.id.rawValue, temporary) }
    try PlainFile.rename(temporary, to: link)
  }

  /// What a link of ``becomeLatest()`` points at; `nil` where there is none.
  static func target(of path: String) -> String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { bytes in
      guard let start = bytes.baseAddress else { return nil }
      let count = readlink(path, start, bytes.count)
      guard count >= 0 else { return nil }
      return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }

  /// The folder of a run that nodes have still: the one that is here, no longer finished, else a new
  /// one.
  package static func adopt(root: String, name: String, id: RunID, plan: [UInt8]) throws -> Self {
    let run = Self(root: root, name: name, id: id)
    // Two that find it on its nodes at once would begin one folder each.
    return try RunList(root: root).alone(on: name) {
      if access(run.path, F_OK) == 0 {
        unlink(run.finishedPath)
        return run
      }
      // The id is not new: a killed process may have begun the same.
      let folder = PlainFile.folder(of: run.path)
      if try FolderTree.isOwn("\(folder)/\(run.unfinishedName)") {
        try FolderTree.remove(run.unfinishedName, in: "\(folder)/.")
      }
      return try Self.create(root: root, name: name, id: id, plan: plan)
    }
  }

  /// The plan's bytes as they were given to ``create(root:name:id:plan:workPlan:)``.
  package func plan() throws(RunStoreError) -> [UInt8] {
    try RunStoreError.filing { () throws(SystemFault) in
      try PlainFile.read(self.planPath, whole: Self.maximumPlanSize)
    }
  }

  /// Instead of one that is damaged.
  package func replacePlan(_ plan: [UInt8]) throws(RunStoreError) {
    try RunStoreError.filing { () throws(SystemFault) in
      try PlainFile.publish(plan, at: self.planPath, durably: true)
    }
  }

  /// Whether it is an eval, also where its work plan is damaged or another version's.
  package var hasWorkPlan: Bool { access(self.workPlanPath, F_OK) == 0 }

  /// The work plan; `nil` when the run has none yet.
  package func workPlan() throws(RunStoreError) -> WorkPlan? {
    let bytes: [UInt8]
    do throws(SystemFault) {
      bytes = try PlainFile.read(self.workPlanPath, whole: Self.maximumPlanSize)
    } catch {
      if error.code == ENOENT { return nil }
      throw .file(error)
    }
    do throws(WorkPlanError) {
      return try WorkPlan(canonicalText: bytes)
    } catch {
      if case .otherVersion(let version) = error {
        throw .otherVersion(path: self.workPlanPath, version: version)
      }
      throw .damaged(path: self.workPlanPath, reason: "not a work plan that Muster wrote")
    }
  }

  /// Whether ``markFinished()`` was called.
  package var isFinished: Bool { access(self.finishedPath, F_OK) == 0 }

  /// Nothing is left to do or running: the run is not one to be resumed.
  package func markFinished() throws(RunStoreError) {
    try RunStoreError.filing { () throws(SystemFault) in
      try PlainFile.publish([], at: self.finishedPath, durably: true)
    }
  }

  /// Names of the nodes that have a record file, in the order of their bytes.
  package func recordedNodes() throws(RunStoreError) -> [String] {
    try RunStoreError.filing { () throws(SystemFault) in
      try PlainFile.names(in: self.recordsPath).filter { $0.hasSuffix(".records") }
        .map { String($0.dropLast(".records".count)) }.sorted()
    }
  }
}

extension RunList {
  /// Carries `body` out while no other process does so for this name; whoever comes meanwhile waits.
  package func alone<Result>(on name: String, _ body: () throws -> Result) throws -> Result {
    let path = "\(self.root)/\(name)"
    try PlainFile.makeFolders(path, durably: true)
    let folder = try OpenFile(path: path, flags: O_RDONLY | O_DIRECTORY)
    _ = try folder.lock(waits: true)
    let result = try body()
    _ = consume folder
    return result
  }
}

/// The right to work on a run, of one process at a time; ends with the value, or with the process
/// however that ends. The kernel keeps it (flock), so that no stale lock can remain.
package struct RunLock: ~Copyable {
  private let file: OpenFile

  /// - Parameter holder: Who takes it, for the one who does not get it: `user@host pid 4711`.
  /// - Throws: `RunStoreError.locked` with the present holder.
  package init(_ run: RunDirectory, holder: String) throws(RunStoreError) {
    let path = "\(run.path)/lock"
    let other: String?
    do throws(SystemFault) {
      let file = try OpenFile(path: path, flags: O_RDWR | O_CREAT)
      var isMine = try file.lock()
      // Who merely asks is in the way for an instant.
      while !isMine, try !file.isLocked() { isMine = try file.lock() }
      // One that was removed meanwhile has another name, or none.
      var there = stat()
      let here = try file.status()
      let isThere =
        stat(path, &there) == 0 && there.st_ino == here.st_ino && there.st_dev == here.st_dev
      if isMine, isThere {
        // The lock is the kernel's, and these are words: on a full disk a run can be removed without.
        try? file.truncate(to: 0)
        try? file.write(Array("\(holder)\n".utf8), at: 0)
        self.file = file
        return
      }
      other = isThere ? String(decoding: try file.bytes(0..<256), as: UTF8.self) : nil
    } catch {
      throw .file(error)
    }
    guard let other else { throw .noRun(run.path) }
    throw .locked(path: path, holder: String(other.prefix { $0 != "\n" }))
  }

  /// Who works on a run now; `nil`: nobody does. Where that cannot be known, such as of another user's
  /// run, the reason stands for them.
  package static func holder(of run: RunDirectory) -> String? {
    do throws(SystemFault) {
      let file = try OpenFile(path: "\(run.path)/lock", flags: O_RDONLY | O_NONBLOCK)
      if try !file.isLocked() { return nil }
      return String(decoding: try file.bytes(0..<256), as: UTF8.self).split(separator: "\n").first
        .map(String.init) ?? "?"
    } catch {
      return error.code == ENOENT ? nil : "somebody: \(error)"
    }
  }
}

/// What can be wrong with runs on disk.
package enum RunStoreError: Error, Equatable {
  case file(SystemFault)
  /// Another process works on the run.
  case locked(path: String, holder: String)
  /// There is no run of that name or id.
  case noRun(String)
  /// A file of the run is not what was written, or it is a run of another kind.
  case damaged(path: String, reason: String)
  /// A file of the run is another version's.
  case otherVersion(path: String, version: UInt64)
  /// There is no merged result, or it is not whole.
  case unmerged(path: String, reason: String)
  /// The records have fewer results than the merged ones at `path`, which stay.
  case fewer(path: String, count: UInt64, keptCount: UInt64, damaged: [String])
  /// The journal's database refuses.
  case journal(path: String, reason: String)

  /// Carries `body` out, with its faults as these.
  static func filing<Result: ~Copyable>(_ body: () throws(SystemFault) -> Result) throws(Self)
    -> Result
  {
    do throws(SystemFault) {
      return try body()
    } catch {
      throw .file(error)
    }
  }
}
