import Glibc
import OperatingSystem
import SSH
import Synchronization

/// The known_hosts files of this machine, read when they are new and when they have changed.
package final class KnownHostsFiles: Sendable {
  /// Inode, size and time of a file; `nil`: there is none.
  private typealias Stamp = [Int]?
  private typealias Read = (stamps: [Stamp], hosts: KnownHosts)

  /// Those of the machine, which are read after all others, as OpenSSH does.
  package static let machineFiles = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"]

  private let machineFiles: [String]
  private let read = Mutex<[[String]: Read]>([:])

  package init(machineFiles: [String] = KnownHostsFiles.machineFiles) {
    self.machineFiles = machineFiles
  }

  /// What the files say, in their order, and then those of the machine. A file that does not exist says
  /// nothing.
  ///
  /// - Throws: `LinkError.knownHosts` when one is there and cannot be read whole: what is missing
  ///   could be a server's key or its revocation, and a changed key would pass for an unknown one.
  func hosts(in files: [String]) throws(LinkError) -> KnownHosts {
    let all = files + self.machineFiles
    return try self.read.withLock { read throws(LinkError) in try Self.load(all, &read) }
  }

  /// Adds the key of a server of which nothing is known; what another link has added meanwhile is
  /// not added again.
  ///
  /// - Parameter files: It goes into the first.
  /// - Throws: `SSHError.hostKeyNotSaved` when the line is not on the disk.
  func add(_ key: SSHHostKey, host: String, port: Int, to files: [String]) throws(SSHError) {
    guard let file = files.first else { return }
    let all = files + self.machineFiles
    do throws(LinkError) {
      try self.read.withLock { read throws(LinkError) in
        let known = try Self.load(all, &read).keys(host: host, port: port)
        switch known.verdict(on: key) {
        case .trusted: return
        case .unknown:
          try Self.append(KnownHosts.line(host: host, port: port, key: key), to: file)
        case .otherKind, .changed, .revoked:
          throw .knownHosts(
            file: file, detail: "another key for \(known.name) was added meanwhile")
        }
      }
    } catch {
      guard case .knownHosts(let file, let detail) = error else { return }
      throw .hostKeyNotSaved(file: file, detail: detail)
    }
  }

  private static func load(
    _ files: [String], _ read: inout [[String]: Read]
  ) throws(LinkError) -> KnownHosts {
    var stamps: [Stamp] = []
    for file in files { stamps.append(try Self.stamp(file)) }
    if let known = read[files], known.stamps == stamps { return known.hosts }
    var hosts = KnownHosts()
    for (file, stamp) in zip(files, stamps) where stamp != nil {
      let bytes = try Self.checked(file) { () throws(SystemFault) in
        try PlainFile.read(file, sizeMax: KnownHosts.sizeMax + 1)
      }
      guard bytes.count <= KnownHosts.sizeMax else {
        throw .knownHosts(file: file, detail: "larger than \(KnownHosts.sizeMax) bytes")
      }
      hosts.append(bytes, file: file)
    }
    read[files] = (stamps, hosts)
    return hosts
  }

  private static func append(_ line: String, to file: String) throws(LinkError) {
    try Self.checked(file) { () throws(SystemFault) in
      try PlainFile.makeFolders(PlainFile.folder(of: file))
      let known = try OpenFile(path: file, flags: O_RDWR | O_APPEND | O_CREAT)
      // A last line without its end must not swallow ours.
      let size = try known.size()
      let isTorn = size > 0 ? try known.bytes(size - 1..<size) != [0x0a] : false
      try known.write(Array("\(isTorn ? "\n" : "")\(line)\n".utf8), at: size)
      try known.synchronize()
    }
  }

  private static func checked<Result>(
    _ file: String, _ body: () throws(SystemFault) -> Result
  ) throws(LinkError) -> Result {
    do throws(SystemFault) {
      return try body()
    } catch {
      throw .knownHosts(file: file, detail: error.reason)
    }
  }

  private static func stamp(_ file: String) throws(LinkError) -> Stamp {
    var status = stat()
    guard stat(file, &status) == 0 else {
      let code = errno
      if code == ENOENT || code == ENOTDIR { return nil }
      throw .knownHosts(file: file, detail: SystemFault("", code: code).reason)
    }
    return [
      Int(status.st_ino), Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
    ]
  }
}
