import Fleet
import Glibc
import NodeAPI
import OperatingSystem
import SwiftProtobuf
import Synchronization

/// What happened on this node in the run, in order: kept in memory for those who ask, and in
/// `events.jsonl` for people and for the daemon that comes after.
///
/// The file is written behind: a daemon that is killed loses the last milliseconds of it, a replica's
/// phase is in its status file by then.
final class EventLog: Sendable {
  /// Kept in memory; older ones are in the file alone.
  static let countMax = 4096
  /// Then the file becomes `events.1.jsonl`, and the one before that is gone.
  private static let fileSizeMax = 4 << 20
  /// Of one text, such as a line of a log.
  private static let textSizeMax = 2048
  /// A run has fewer events.
  private static let sequenceMax = UInt64(Int64.max)
  /// Waiting to be written, while a disk is slow; more are left out of the file.
  private static let pendingCountMax = 4096

  private struct State {
    var events: [Muster_V1_NodeEvent] = []
    var lastSequence: UInt64 = 0
    var xids = SeenXIDs()
  }

  /// Rings after each event.
  let bell = Bell()
  private let path: String
  private let wallClockMilliseconds: @Sendable () -> Int64
  private let state = Mutex(State())
  private let pending: AsyncStream<Muster_V1_NodeEvent>
  private let pendingContinuation: AsyncStream<Muster_V1_NodeEvent>.Continuation

  init(path: String, wallClockMilliseconds: @escaping @Sendable () -> Int64) {
    self.path = path
    self.wallClockMilliseconds = wallClockMilliseconds
    (self.pending, self.pendingContinuation) = AsyncStream.makeStream(
      bufferingPolicy: .bufferingOldest(Self.pendingCountMax))
  }

  /// Takes up what an earlier daemon wrote. Blocks.
  func load() {
    var events: [Muster_V1_NodeEvent] = []
    for path in [self.formerPath, self.path] {
      let bytes = (try? PlainFile.read(path, sizeMax: Self.fileSizeMax * 2)) ?? []
      for line in bytes.split(separator: UInt8(ascii: "\n")) {
        // A line that was torn or damaged, or written by another version, is left out.
        if let event = try? Muster_V1_NodeEvent(jsonUTF8Bytes: Array(line)),
          event.sequence < Self.sequenceMax
        {
          events.append(event)
        }
      }
    }
    self.state.withLock { state in
      state.events = events.suffix(Self.countMax)
      state.lastSequence = events.last?.sequence ?? 0
    }
  }

  /// An XID that was told from another log is left out.
  ///
  /// - Parameter event: Without sequence and time.
  func record(_ event: Muster_V1_NodeEvent) {
    var event = event
    event.milliseconds = self.wallClockMilliseconds()
    event.text = event.text.cut(toBytes: Self.textSizeMax)
    self.state.withLock { state in
      if event.kind == "xid" {
        let source = event.service.isEmpty ? "" : "\(event.service)-\(event.index)"
        let isNew = state.xids.isNew(event.text, from: source, at: event.milliseconds)
        guard isNew else { return }
      }
      state.lastSequence += 1
      event.sequence = state.lastSequence
      if state.events.count >= Self.countMax { state.events.removeFirst(Self.countMax / 4) }
      state.events.append(event)
      self.pendingContinuation.yield(event)
    }
    self.bell.ring()
  }

  /// Those after a sequence number that are in memory, oldest first.
  func events(after sequence: UInt64) -> [Muster_V1_NodeEvent] {
    self.state.withLock { state in
      let first = state.events.firstIndex { $0.sequence > sequence } ?? state.events.endIndex
      return Array(state.events[first...])
    }
  }

  /// Writes events to the file until the task is cancelled.
  func run(_ blocking: BlockingCalls) async {
    for await event in self.pending {
      // A disk that is full or gone must not end the daemon: memory has them all the same.
      try? await blocking.run { try self.append(event) }
    }
  }

  private var formerPath: String { "\(self.path.dropLast(".jsonl".count)).1.jsonl" }

  private func append(_ event: Muster_V1_NodeEvent) throws {
    let line: [UInt8] = try event.jsonUTF8Bytes() + [UInt8(ascii: "\n")]
    let file = try OpenFile(
      path: self.path, flags: O_CREAT | O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK)
    try PlainFile.write(line, to: file.number, named: self.path)
    if try file.size() > Self.fileSizeMax { rename(self.path, self.formerPath) }
  }
}

/// Tells an XID that is new from one that was told already: what the driver writes to the kernel's log
/// may be in a replica's log, too.
///
/// The same words may come again and again from one source, which is news each time; so as many are
/// told as the source that has it most often says.
struct SeenXIDs: Sendable {
  private struct Entry: Sendable {
    var text: String
    var counts: [String: Int]
    var milliseconds: Int64
  }

  /// Behind the first of the sources, another says the same within a minute.
  private static let windowMilliseconds: Int64 = 60_000
  /// A machine in trouble has fewer kinds of trouble at once.
  private static let countMax = 64

  /// Oldest first.
  private var entries: [Entry] = []

  /// - Parameters:
  ///   - line: With `Xid (` in it; what is before that is the source's own.
  ///   - source: The replica whose log it is in; empty: the kernel's.
  mutating func isNew(_ line: String, from source: String, at milliseconds: Int64) -> Bool {
    let start = line.firstRange(of: "Xid (")?.lowerBound ?? line.startIndex
    let text = String(line[start...])
    self.entries.removeAll { abs(milliseconds - $0.milliseconds) > Self.windowMilliseconds }
    var entry = Entry(text: text, counts: [:], milliseconds: milliseconds)
    if let index = self.entries.firstIndex(where: { $0.text == text }) {
      entry.counts = self.entries.remove(at: index).counts
    }
    let told = entry.counts.values.max() ?? 0
    let count = entry.counts[source, default: 0] + 1
    entry.counts[source] = count
    if self.entries.count >= Self.countMax { self.entries.removeFirst() }
    self.entries.append(entry)
    return count > told
  }
}
