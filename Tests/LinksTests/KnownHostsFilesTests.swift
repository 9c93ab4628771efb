import Foundation
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

  /// What OpenSSH refuses for the machine's own file is not accepted as new.
  @Test(arguments: [("", true), ("@revoked ", false)])
  func `the files of the machine are read after the user's`(marker: String, isTrusted: Bool) throws
  {
    let folder = try ScratchFolder()
    let blob: [UInt8] = [0, 0, 0, 11] + Array("ssh-ed25519".utf8) + [0, 0, 0, 1, 7]
    let key = try #require(SSHHostKey(blob: blob))
    let line = KnownHosts.line(host: "gpu01", port: 22, key: key)
    try folder.write("\(marker)\(line)\n", to: "machine")
    let files = KnownHostsFiles(machineFiles: ["\(folder.path)/machine", "\(folder.path)/none"])
    let user = "\(folder.path)/user"
    let verdict = try files.hosts(in: [user]).keys(host: "gpu01", port: 22).verdict(on: key)
    if isTrusted {
      #expect(verdict == .trusted)
      try files.add(key, host: "gpu01", port: 22, to: [user])
    } else {
      guard case .revoked(let found) = verdict else {
        Issue.record("\(verdict)")
        return
      }
      #expect(found.place.description == "\(folder.path)/machine:1")
      #expect(throws: SSHError.self) {
        try files.add(key, host: "gpu01", port: 22, to: [user])
      }
    }
    #expect(access(user, F_OK) != 0, "nothing is added")
    #expect(KnownHostsFiles.machineFiles.first == "/etc/ssh/ssh_known_hosts")
  }

  @Test func `a file that changes between two reads is read again`() throws {
    let folder = try ScratchFolder()
    let files = KnownHostsFiles(machineFiles: [])
    let path = "\(folder.path)/known"
    for (index, name) in ["one", "two", "three"].enumerated() {
      let blob: [UInt8] = [0, 0, 0, 11] + Array("ssh-ed25519".utf8) + [0, 0, 0, 1, 7]
      let key = try #require(SSHHostKey(blob: blob))
      #expect(
        try files.hosts(in: [path]).keys(host: name, port: 22).verdict(on: key) == .unknown)
      let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
      try folder.write(
        text + KnownHosts.line(host: name, port: 22, key: key) + "\n", to: "known")
      #expect(
        try files.hosts(in: [path]).keys(host: name, port: 22).verdict(on: key) == .trusted,
        "\(index)")
    }
  }
}
