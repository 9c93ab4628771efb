import Fleet
import Glibc
package import NIOCore
import NIOPosix
import SSH
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
    let file = try SmallFile.checked("open \(path)") { open(path, O_RDONLY | O_CLOEXEC) }
    defer { close(file) }
    var status = stat()
    _ = try SmallFile.checked("look at \(path)") { fstat(file, &status) }
    guard status.st_size > 0, status.st_size <= Self.sizeMax else {
      throw .agentImage("\(path) has \(status.st_size) bytes")
    }
    self.size = Int(status.st_size)
    let header = try Self.piece(of: file, path, sizeMax: 64)
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
    lseek(file, 0, SEEK_SET)
    self.sha256 = try Self.sha256(of: file, path)
    if let note { SmallFile.replace(note, with: Array("\(stamp)\n\(self.sha256)\n".utf8)) }
  }

  /// Of what is left to read.
  static func sha256(of file: CInt, _ path: String) throws(LinkError) -> String {
    var hash = SHA256()
    while case let piece = try Self.piece(of: file, path, sizeMax: 1 << 20), !piece.isEmpty {
      hash.update(piece)
    }
    return SHA256.hex(digest: hash.finalize())
  }

  private static func piece(
    of file: CInt, _ path: String, sizeMax: Int
  ) throws(LinkError) -> [UInt8] {
    guard let piece = SmallFile.piece(of: file, sizeMax: sizeMax) else {
      throw .agentImage("cannot read \(path): \(String(cString: strerror(errno)))")
    }
    return piece
  }

  private static func noted(in note: String, stamp: String) -> String? {
    let lines = String(decoding: SmallFile.contents(of: note, sizeMax: 1024) ?? [], as: UTF8.self)
      .split(separator: "\n")
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
      guard let bytes = SmallFile.contents(of: self.path, sizeMax: Self.sizeMax) else {
        throw LinkError.agentImage(
          "cannot read \(self.path): \(String(cString: strerror(errno)))")
      }
      return ByteBuffer(bytes: bytes)
    }.get()
  }

  /// gzip takes 2 s for 40 MB: this is for a disk that hangs.
  private static let compressionMilliseconds: CInt = 60_000

  private func compress() -> ByteBuffer? {
    let kept = self.cacheFolder.map { "\($0)/\(self.sha256).gz" }
    if let kept, let bytes = SmallFile.contents(of: kept, sizeMax: Self.sizeMax), !bytes.isEmpty {
      return ByteBuffer(bytes: bytes)
    }
    guard
      let bytes = PipedProcess.output(
        of: ["gzip", "-6", "-c", self.path], timeoutMilliseconds: Self.compressionMilliseconds)
    else { return nil }
    if let kept { SmallFile.replace(kept, with: bytes) }
    return ByteBuffer(bytes: bytes)
  }
}
