import Fleet
import Glibc
import OperatingSystem
import RecordFiles

/// Finds runs below a root folder.
package struct RunList: Sendable {
  package let root: String

  /// - Parameter root: Such as `runs`; one that is not there has no runs.
  package init(root: String) {
    self.root = root
  }

  /// All runs, or those of one name; the newest first.
  package func runs(named name: String? = nil) throws(RunStoreError) -> [RunDirectory] {
    let runs = try RunStoreError.filing { () throws(SystemFault) in
      var runs: [RunDirectory] = []
      let names = if let name { [name] } else { try self.names(in: self.root) }
      for name in names {
        for id in try self.names(in: "\(self.root)/\(name)").compactMap({ RunID($0) }) {
          runs.append(RunDirectory(root: self.root, name: name, id: id))
        }
      }
      return runs
    }
    return runs.sorted { ($1.id, $1.name) < ($0.id, $0.name) }
  }

  /// The run that `reference` means: a path of its folder, an id, `NAME/ID`, or a name (its newest); for
  /// an id behind a name `latest`, too, the link beside the runs.
  package func run(_ reference: String) throws(RunStoreError) -> RunDirectory {
    let parts = reference.split(separator: "/")
    guard let last = parts.last.map(String.init) else { throw .noRun(reference) }
    if parts.count >= 2 {
      let name = String(parts[parts.count - 2])
      let prefix = parts.dropLast(2).joined(separator: "/")
      let root = reference.hasPrefix("/") ? "/" + prefix : prefix.isEmpty ? "." : prefix
      for root in [root, self.root] {
        let link = "\(root)/\(name)/latest"
        guard let id = RunID(last == "latest" ? RunDirectory.target(of: link) ?? "" : last) else {
          continue
        }
        let run = RunDirectory(root: root, name: name, id: id)
        if access(run.path, F_OK) == 0 { return run }
      }
    }
    if let id = RunID(last) {
      if let run = try self.runs().first(where: { $0.id == id }) { return run }
    } else if parts.count == 1, let run = try self.runs(named: reference).first {
      return run
    }
    throw .noRun(reference)
  }

  /// Removes the folder of a run: renamed first, so that one that is killed here leaves no half of a run.
  /// Where it cannot be removed, what is left of it is listed as before, as a run that is over.
  ///
  /// - Returns: What it took of the disk, in bytes; 0 where somebody else removed it.
  /// - Throws: `RunStoreError.locked` where a process works on it.
  package func remove(_ run: RunDirectory, holder: String) throws -> Int {
    let folder = "\(self.root)/\(run.name)"
    let gone = ".\(run.id).gone"
    guard try RunStoreError.filing({ () throws(SystemFault) in try FolderTree.isOwn(run.path) })
    else { return 0 }
    do {
      // Nor can one be taken that is just being made.
      try self.alone(on: run.name) {
        let lock = try RunLock(run, holder: holder)
        try PlainFile.rename(run.path, to: "\(folder)/\(gone)")
        // Nobody finds it any more.
        _ = consume lock
        try? self.repointLatest(of: run.name)
      }
    } catch {
      // Another removal of it was there first.
      guard access(run.path, F_OK) == 0 else { return 0 }
      throw error
    }
    var size = try self.discard(gone, in: folder)
    // Those of removals that were killed, too; what keeps one of them is no fault of this one.
    for name in try self.names(in: folder) where Self.isGone(name) {
      size += (try? self.discard(name, in: folder)) ?? 0
    }
    return size
  }

  /// `latest` names the newest run that is there, or goes.
  private func repointLatest(of name: String) throws(SystemFault) {
    let folder = "\(self.root)/\(name)"
    if let newest = try self.names(in: folder).compactMap({ RunID($0) }).max() {
      try RunDirectory(root: self.root, name: name, id: newest).becomeLatest()
    } else {
      unlink("\(folder)/latest")
    }
  }

  /// Removes what was renamed for it; what cannot be removed is a run again.
  ///
  /// - Returns: Its size in bytes; 0 where another removal is at it, or was.
  private func discard(_ gone: String, in folder: String) throws(SystemFault) -> Int {
    let path = "\(folder)/\(gone)"
    guard try FolderTree.isOwn(path) else { return 0 }
    let tree: OpenFile
    do throws(SystemFault) {
      tree = try OpenFile(path: path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    } catch {
      if error.code == ENOENT { return 0 }
      throw error
    }
    guard try tree.lock(), try FolderTree.isOwn(path) else { return 0 }
    let size = Result { () throws(SystemFault) in
      // With the dot a link is followed: a user may keep the runs of a name on another disk.
      try FolderTree.remove(gone, in: "\(folder)/.")
    }
    if case .failure = size {
      let run = "\(folder)/\(gone.dropFirst().dropLast(Self.goneEnd.count))"
      try PlainFile.rename(path, to: run)
      try? PlainFile.publish([], at: "\(run)/finished")
    }
    _ = consume tree
    return try size.get()
  }

  private static let goneEnd = ".gone"

  /// Whether it is what a removal of ours made: `.<run id>.gone`.
  private static func isGone(_ name: String) -> Bool {
    name.hasPrefix(".") && name.hasSuffix(Self.goneEnd)
      && RunID(String(name.dropFirst().dropLast(Self.goneEnd.count))) != nil
  }

  private func names(in folder: String) throws(SystemFault) -> [String] {
    do throws(SystemFault) {
      return try PlainFile.names(in: folder)
    } catch {
      if error.code == ENOENT || error.code == ENOTDIR { return [] }
      throw error
    }
  }
}
