import Glibc
import SSH
import Testing

@testable import Links

/// What cannot be read whole could hold the key that a server has lost: it is never "unknown".
struct KnownHostsFilesTests {
  private static func fault(_ path: String) -> LinkError? {
    do throws(LinkError) {
      _ = try KnownHostsFiles().hosts(in: [path])
      return nil
    } catch {
      return error
    }
  }

  @Test func `a file that does not exist says nothing`() throws {
    let folder = try ScratchFolder()
    #expect(Self.fault("\(folder.path)/none") == nil)
    try folder.write("", to: "file")
    #expect(Self.fault("\(folder.path)/file/none") == nil)
  }

  @Test func `a file longer than is read is an error`() throws {
    let folder = try ScratchFolder()
    let comment = "#" + String(repeating: "x", count: 126) + "\n"
    let lines = String(repeating: comment, count: KnownHosts.sizeMax / 128)
    try folder.write(lines, to: "whole")
    #expect(Self.fault("\(folder.path)/whole") == nil)
    try folder.write("\(lines)#", to: "long")
    #expect(
      Self.fault("\(folder.path)/long")
        == .knownHosts(file: "\(folder.path)/long", detail: "larger than 8388608 bytes"))
  }

  @Test func `a file whose reading breaks off is an error`() throws {
    let folder = try ScratchFolder()
    #expect(
      Self.fault(folder.path) == .knownHosts(file: folder.path, detail: "Is a directory"))
  }

  @Test func `a file that cannot be reached is an error`() throws {
    let folder = try ScratchFolder()
    let path = "\(folder.path)/loop"
    try #require(symlink(path, path) == 0)
    #expect(
      Self.fault(path)
        == .knownHosts(file: path, detail: "Too many levels of symbolic links"))
  }
}
