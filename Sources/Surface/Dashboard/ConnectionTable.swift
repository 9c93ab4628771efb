import NIOCore
import Synchronization

/// The connections of a server: each has a deadline, and none that waits keeps another out.
///
/// A connection waits from when it is opened to its first whole request, and from the end of an answer to
/// the next one. Where there are too many, of one peer or of all, the one that has waited longest is
/// closed; it has had a second at least.
final class ConnectionTable: Sendable {
  private struct Entry {
    let channel: any Channel
    let peer: String
    var isWaiting = true
    /// It has to go, and counts no more.
    var isClosing = false
    var since: NIODeadline
    var deadline: Scheduled<Void>?
  }

  /// Bytes on their way to us are no wait.
  private static let waitMin = TimeAmount.seconds(1)

  private let countMax: Int
  private let countMaxOfPeer: Int
  private let headTimeout: TimeAmount
  private let idleTimeout: TimeAmount
  private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

  /// - Parameters:
  ///   - headTimeout: From the opening to the first whole request.
  ///   - idleTimeout: For an answer to be taken, and from that to the next request.
  init(
    countMax: Int, countMaxOfPeer: Int, headTimeout: TimeAmount, idleTimeout: TimeAmount
  ) {
    self.countMax = countMax
    self.countMaxOfPeer = countMaxOfPeer
    self.headTimeout = headTimeout
    self.idleTimeout = idleTimeout
  }

  func opened(_ channel: any Channel) {
    let peer = channel.remoteAddress?.ipAddress ?? ""
    let surplus = self.entries.withLock { entries -> [any Channel] in
      entries[ObjectIdentifier(channel)] = Entry(channel: channel, peer: peer, since: .now())
      var surplus: [any Channel] = []
      for (isMeant, countMax) in [
        ({ $0.peer == peer } as (Entry) -> Bool, self.countMaxOfPeer),
        ({ _ in true }, self.countMax),
      ] {
        let open = entries.values.filter { !$0.isClosing && isMeant($0) }
        guard open.count > countMax else { continue }
        let victim = Self.longestWaiting(of: open) ?? channel
        entries[ObjectIdentifier(victim)]?.isClosing = true
        surplus.append(victim)
      }
      return surplus
    }
    channel.closeFuture.whenComplete { _ in
      let entry = self.entries.withLock { $0.removeValue(forKey: ObjectIdentifier(channel)) }
      entry?.deadline?.cancel()
    }
    self.change(channel, isWaiting: true, timeout: self.headTimeout)
    for channel in surplus { channel.close(promise: nil) }
  }

  /// A whole request is there.
  func asked(_ channel: any Channel) {
    self.change(channel, isWaiting: false, timeout: self.idleTimeout)
  }

  func answered(_ channel: any Channel) {
    self.change(channel, isWaiting: true, timeout: self.idleTimeout)
  }

  private func change(_ channel: any Channel, isWaiting: Bool, timeout: TimeAmount) {
    let deadline = channel.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
    let former = self.entries.withLock { entries -> Scheduled<Void>? in
      guard var entry = entries[ObjectIdentifier(channel)] else { return deadline }
      defer { entries[ObjectIdentifier(channel)] = entry }
      let former = entry.deadline
      (entry.isWaiting, entry.since, entry.deadline) = (isWaiting, .now(), deadline)
      return former
    }
    former?.cancel()
  }

  private static func longestWaiting(of entries: [Entry]) -> (any Channel)? {
    let now = NIODeadline.now()
    return entries.filter { $0.isWaiting && now - $0.since >= Self.waitMin }
      .min { $0.since < $1.since }?.channel
  }
}

/// Enters its connection into the table.
final class ConnectionHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = NIOAny

  private let table: ConnectionTable

  init(_ table: ConnectionTable) {
    self.table = table
  }

  func channelActive(context: ChannelHandlerContext) {
    self.table.opened(context.channel)
    context.fireChannelActive()
  }
}
