import NIOCore
import Synchronization

/// Keeps the end of a child's standard error.
final class ErrorTailHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  final class Tail: Sendable {
    /// As much as SSH's side keeps.
    static let sizeMax = 16 << 10

    private let bytes = Mutex<[UInt8]>([])

    var text: String { self.bytes.withLock { String(decoding: $0, as: UTF8.self) } }

    func append(_ buffer: ByteBuffer) {
      self.bytes.withLock { $0 = ($0 + buffer.readableBytesView).suffix(Self.sizeMax) }
    }
  }

  private let tail: Tail

  init(_ tail: Tail) {
    self.tail = tail
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.tail.append(self.unwrapInboundIn(data))
  }
}
