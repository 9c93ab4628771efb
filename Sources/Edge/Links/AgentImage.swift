import Fleet
import Glibc
package import NIOCore
import NIOPosix
import OperatingSystem
import Synchronization

/// The program for nodes, as it lies on the coordinator's machine.
package final class AgentImage: Sendable {
  /// Largest program that is pushed.
  static let sizeMax = 512 << 20

  /// File on this machine; local links run it in place.
  package let path: String
  /// Of its bytes, 64 lower-case hexadecimal digits: nodes keep it under this name.
  package let sha256: String
  /// In bytes.
  package let size: Int
  /// As `uname -m` says it: `x86_64`, `aarch64`.
  package let architecture: String
  private let cacheFolder: String?
  private let compressed = Mutex<EventLoopFuture<ByteBuffer?>?>(nil)

  /// Reads the program, or what was noted of it when it was last read.
  ///
  /// - Parameter cacheFolder: Where hashes and compressed images are kept between runs; `nil`, or a
  ///   folder that cannot be written: they are made again.
  /// - Throws: `LinkError.agentImage` when there is no such program, or it is none for Linux.
  package init(path: String, cacheFolder: String?) throws(LinkError) {
    self.path = path
    self.cacheFolder = cacheFolder
    let file = try Self.checked { () throws(SystemFault) in
      try OpenFile(path: path, flags: O_RDONLY)
    }
    let (status, header) = try Self.checked { () throws(SystemFault) in
      (try file.status(), try file.bytes(0..<64))
    }
    guard status.st_size > 0, status.st_size <= Self.sizeMax else {
      throw .agentImage("\(path) has \(status.st_size) bytes")
    }
    self.size = Int(status.st_size)
    guard header.count == 64, header.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
      throw .agentImage("\(path) is not a program for Linux")
    }
    // e_machine. Source: elf(5).
    self.architecture =
      switch Int(header[18]) | Int(header[19]) << 8 {
      case 62: "x86_64"
      case 183: "aarch64"
      case let other: "ELF machine \(other)"
      }
    let stamp =
      "\(status.st_dev) \(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
    let note = cacheFolder.map { "\($0)/\(SHA256.hex(of: path.utf8).prefix(16)).sha256" }
    if let note, let known = Self.noted(in: note, stamp: stamp) {
      self.sha256 = known
      return
    }
    self.sha256 = try Self.checked { () throws(SystemFault) in try PlainFile.sha256(of: file) }
    if let note { Self.keep(Array("\(stamp)\n\(self.sha256)\n".utf8), at: note) }
  }

  private static func checked<Result: ~Copyable>(
    _ body: () throws(SystemFault) -> Result
  ) throws(LinkError) -> Result {
    do throws(SystemFault) { return try body() } catch { throw .agentImage("\(error)") }
  }

  /// For what can be made again: where it cannot be written, nothing changes.
  private static func keep(_ bytes: [UInt8], at path: String) {
    try? PlainFile.makeFolders(PlainFile.folder(of: path))
    try? PlainFile.publish(bytes, at: path, durably: true)
  }

  private static func noted(in note: String, stamp: String) -> String? {
    let bytes = (try? PlainFile.read(note, sizeMax: 1024)) ?? []
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    guard lines.count == 2, lines[0] == stamp, lines[1].utf8.count == 64 else { return nil }
    return String(lines[1])
  }

  /// The program as `gzip -dc` takes it, made on first use; `nil` where this machine has no gzip, or
  /// one that takes too long.
  package func gzipped(on loop: any EventLoop) async throws -> ByteBuffer? {
    try await self.compressed.withLock { made in
      if let made { return made }
      let future = NIOThreadPool.singleton.runIfActive(eventLoop: loop) { self.compress() }
      made = future
      return future
    }.get()
  }

  /// The program as it is.
  ///
  /// - Throws: `LinkError.agentImage` when it cannot be read.
  package func plain(on loop: any EventLoop) async throws -> ByteBuffer {
    try await NIOThreadPool.singleton.runIfActive(eventLoop: loop) {
      do throws(SystemFault) {
        return ByteBuffer(bytes: try PlainFile.read(self.path, sizeMax: Self.sizeMax))
      } catch {
        throw LinkError.agentImage("cannot read \(self.path): \(error.reason)")
      }
    }.get()
  }

  /// gzip takes 2 s for 40 MB: this is for a disk that hangs.
  private static let compressionMilliseconds: CInt = 60_000

  private func compress() -> ByteBuffer? {
    let kept = self.cacheFolder.map { "\($0)/\(self.sha256).gz" }
    if let kept, let bytes = try? PlainFile.read(kept, sizeMax: Self.sizeMax), !bytes.isEmpty {
      return ByteBuffer(bytes: bytes)
    }
    let gzip = try? ChildProgram.run(
      ["sh", "-c", "exec gzip -6 -c \"$0\" 2> /dev/null", self.path], outputSizeMax: .max,
      timeoutMilliseconds: Self.compressionMilliseconds)
    guard let gzip, gzip.status == 0 else { return nil }
    if let kept { Self.keep(gzip.output, at: kept) }
    return ByteBuffer(bytes: gzip.output)
  }
}
