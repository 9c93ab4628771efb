import Glibc
import OperatingSystem
import RecordFiles
import Testing

struct FolderTreeTests {
  /// A folder `run` with a file, a folder, and links that lead out of it; `outside` beside it.
  private static func scratch(_ body: (String) throws -> Void) throws {
    let scratch = ScratchFolder()
    let root = scratch.path
    for folder in ["run", "run/a", "run/a/b", "outside"] { mkdir("\(root)/\(folder)", 0o700) }
    for file in ["run/x", "run/a/b/y", "outside/kept"] {
      try PlainFile.publish(
        [UInt8](repeating: 7, count: 10_000), at: "\(root)/\(file)", durably: true)
    }
    symlink("../outside", "\(root)/run/link")
    symlink("../../outside/kept", "\(root)/run/a/link")
    symlink("run", "\(root)/alias")
    try body(root)
  }

  @Test func `what a folder takes is counted once, and nothing behind a link`() throws {
    try Self.scratch { root in
      let size = FolderTree.size(of: "\(root)/run")
      #expect((20_000..<60_000).contains(size), "\(size)")
      #expect(FolderTree.size(of: "\(root)/none") == 0)
    }
  }

  @Test func `a folder goes with all that is in it, and what its links lead to stays`() throws {
    try Self.scratch { root in
      let size = FolderTree.size(of: "\(root)/run")
      let removed = try FolderTree.remove("run", in: root)
      #expect(removed == size)
      #expect(access("\(root)/run", F_OK) != 0)
      #expect(access("\(root)/outside/kept", F_OK) == 0)
    }
  }

  @Test func `a name that is no text is removed like any other`() throws {
    try Self.scratch { root in
      let name: [CChar] = Array("\(root)/run/a/".utf8CString.dropLast()) + [-1, 110, 0]
      #expect(mkdir(name, 0o700) == 0)
      try FolderTree.remove("run", in: root)
      #expect(access("\(root)/run", F_OK) != 0)
    }
  }

  @Test func `nothing is removed from behind a link`() throws {
    try Self.scratch { root in
      #expect(throws: SystemFault.self) { try FolderTree.remove("a", in: "\(root)/alias") }
      #expect(access("\(root)/run/a/b/y", F_OK) == 0)
    }
  }

  @Test func `a link to a folder, and a file, are not removed`() throws {
    try Self.scratch { root in
      for name in ["alias", "run/x", "run/link"] {
        #expect(throws: SystemFault.self) { try FolderTree.remove(name, in: root) }
      }
      #expect(access("\(root)/run/x", F_OK) == 0 && access("\(root)/outside/kept", F_OK) == 0)
    }
  }
}
