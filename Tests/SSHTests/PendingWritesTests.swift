import NIOCore
import NIOEmbedded
import Testing

@testable import SSH

struct PendingWritesTests {
  private let loop = EmbeddedEventLoop()

  @Test func `promises complete in order as their bytes are taken`() {
    var writes = PendingWrites()
    var settled: [Int] = []
    for index in 0..<3 {
      let promise = self.loop.makePromise(of: Void.self)
      promise.futureResult.assumeIsolated().whenSuccess { settled.append(index) }
      writes.append(ByteBuffer(bytes: [1, 2, 3, 4]), promise: promise)
    }
    writes.bytes.moveReaderIndex(forwardBy: 3)
    #expect(writes.takeSentPromise(on: self.loop) == nil)
    writes.bytes.moveReaderIndex(forwardBy: 5)
    writes.takeSentPromise(on: self.loop)?.succeed()
    #expect(settled == [0, 1])
    writes.bytes.moveReaderIndex(forwardBy: 4)
    writes.takeSentPromise(on: self.loop)?.succeed()
    #expect(settled == [0, 1, 2])
    #expect(writes.isEmpty)
  }

  @Test func `the end completes when it has been sent, not when the bytes have`() {
    var writes = PendingWrites()
    var isEnded = false
    let promise = self.loop.makePromise(of: Void.self)
    promise.futureResult.assumeIsolated().whenSuccess { isEnded = true }
    writes.append(ByteBuffer(bytes: [1]), promise: nil)
    writes.appendEnd(promise: promise)
    writes.bytes.moveReaderIndex(forwardBy: 1)
    writes.takeSentPromise(on: self.loop)?.succeed()
    #expect(!isEnded)
    #expect(!writes.isEmpty)
    writes.endSent()
    writes.takeSentPromise(on: self.loop)?.succeed()
    #expect(isEnded)
    #expect(writes.isEmpty && writes.isEnded)
  }

  @Test func `a failure settles everything that waits`() {
    var writes = PendingWrites()
    var failures = 0
    for isEnd in [false, true] {
      let promise = self.loop.makePromise(of: Void.self)
      promise.futureResult.assumeIsolated().whenFailure { _ in failures += 1 }
      if isEnd {
        writes.appendEnd(promise: promise)
      } else {
        writes.append(ByteBuffer(bytes: [1]), promise: promise)
      }
    }
    writes.fail(ChannelError.eof)
    #expect(failures == 2)
    #expect(writes.isEmpty)
  }
}
