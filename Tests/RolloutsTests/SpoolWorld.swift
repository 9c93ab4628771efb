import Fleet
import Rollouts

/// A ``SpoolMachine`` between a disk and a peer that may both fail, with what must hold at each step.
struct SpoolWorld {
  private let settings: SpoolSettings
  private var random: SplitMix64
  private var machine: SpoolMachine
  /// What the file holds, synced.
  private var file: [RecordBatch] = []
  private var lastSequence: UInt64 = 0
  /// All that was ever synced: none of it may be lost before the peer has it.
  private var synced: [UInt64: RecordBatch] = [:]
  private var stored: Set<UInt64> = []
  /// The highest number the peer got on this stream; 0: none.
  private var receivedLast: UInt64 = 0
  private var acknowledged: UInt64 = 0
  private var itemNext: UInt64 = 0
  private(set) var faults: [String] = []

  init(settings: SpoolSettings, seed: UInt64) {
    self.settings = settings
    self.random = SplitMix64(state: seed)
    self.machine = SpoolMachine(settings: settings, entries: [], lastSequence: 0)
  }

  private var fileSize: Int { self.file.reduce(0) { $0 + $1.lines.count } }

  private var entries: [BatchEntry] {
    self.file.map { BatchEntry($0.header, size: $0.lines.count) }
  }

  private mutating func number(_ range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &self.random)
  }

  mutating func step() {
    switch self.number(0...19) {
    case 0...5: self.work()
    case 6...9: self.write()
    case 10...13: self.send()
    case 14...16: self.acknowledge(upTo: self.receivedLast)
    case 17: self.compact()
    case 18: self.beginStream()
    default: self.number(0...1) == 0 ? self.restart() : self.reopen()
    }
    self.check()
  }

  /// All goes well from here on: everything that was closed reaches the peer.
  mutating func drain() {
    self.beginStream()
    for _ in 0..<1000 {
      self.write()
      self.send()
      self.acknowledge(upTo: self.receivedLast)
      self.compact()
      self.check()
    }
    if !self.machine.pending.isEmpty || self.machine.nextSend != .none { self.fault("not drained") }
    if !self.machine.held(leaseID: 0).isEmpty {
      self.fault("held at the end: \(self.machine.held(leaseID: 0).ranges)")
    }
    if !self.machine.hasRoom { self.fault("no room at the end") }
    let lost = self.synced.keys.filter { !self.stored.contains($0) }.sorted()
    if !lost.isEmpty { self.fault("lost: \(lost)") }
  }

  private mutating func fault(_ text: String) {
    if self.faults.count < 5 { self.faults.append(text) }
  }

  private mutating func work() {
    guard self.machine.hasRoom else { return }
    let count = UInt64(self.number(1...3))
    let size = self.number(1...35)
    self.machine.closed(
      RecordBatch(
        BatchHeader(
          sequence: 0, leaseID: 1, attempt: 1, items: [self.itemNext..<self.itemNext + count]),
        lines: [UInt8](repeating: 10, count: size)))
    self.itemNext += count
  }

  private mutating func write() {
    let all = self.machine.pending
    let batches = Array(all.prefix(self.number(0...all.count)))
    self.sync(batches)
    self.machine.written(batches)
  }

  private mutating func sync(_ batches: [RecordBatch]) {
    for batch in batches {
      if batch.sequence != self.lastSequence + 1 {
        self.fault("written \(batch.sequence) after \(self.lastSequence)")
      }
      self.lastSequence = batch.sequence
      self.file.append(batch)
      self.synced[batch.sequence] = batch
    }
  }

  private mutating func send() {
    switch self.machine.nextSend {
    case .none: break
    case .send(let batch):
      self.machine.sent(batch.sequence)
      self.receive(batch)
    case .read(let after, let through):
      let found = self.file.filter { after + 1...through ~= $0.sequence }
      if found.isEmpty { self.fault("read after \(after): nothing in the file") }
      for batch in found.prefix(2) {
        self.machine.sent(batch.sequence)
        self.receive(batch)
      }
    }
  }

  private mutating func receive(_ batch: RecordBatch) {
    if self.synced[batch.sequence] != batch { self.fault("sent \(batch.sequence), not synced") }
    if self.receivedLast > 0, batch.sequence != self.receivedLast + 1 {
      self.fault("sent \(batch.sequence) after \(self.receivedLast)")
    }
    if self.receivedLast == 0, batch.sequence > self.acknowledged + 1 {
      self.fault("a stream began with \(batch.sequence) after \(self.acknowledged)")
    }
    self.receivedLast = batch.sequence
    self.stored.insert(batch.sequence)
  }

  private mutating func acknowledge(upTo last: UInt64) {
    let low = min(self.acknowledged, last)
    let sequence = UInt64(self.number(Int(low)...Int(last)))
    if self.machine.acknowledged(through: sequence) != .none {
      self.fault("refused \(sequence), which was sent")
    }
    self.acknowledged = max(self.acknowledged, sequence)
    if self.machine.acknowledged(through: self.lastSequence + 1) != .refuse {
      self.fault("took an acknowledgement of what was never sent")
    }
  }

  private mutating func compact() {
    guard let sequence = self.machine.dropThrough else { return }
    if sequence > self.acknowledged { self.fault("drops \(sequence), which is needed") }
    let before = self.file.count
    self.file.removeAll { $0.sequence <= sequence }
    if self.file.count == before { self.fault("wrote the file anew for nothing") }
    self.machine.dropped(through: sequence)
  }

  private mutating func beginStream() {
    self.machine.streamBegan()
    self.receivedLast = 0
  }

  /// The process ends: what is pending is gone, and what was acknowledged forgotten.
  private mutating func restart() {
    self.machine = SpoolMachine(
      settings: self.settings, entries: self.entries, lastSequence: self.lastSequence)
    self.acknowledged = self.file.first.map { $0.sequence - 1 } ?? self.lastSequence
    self.receivedLast = 0
  }

  /// A write fails after some of its batches reached the file.
  private mutating func reopen() {
    let all = self.machine.pending
    self.sync(Array(all.prefix(self.number(0...all.count))))
    self.machine.reopened(entries: self.entries)
  }

  private mutating func check() {
    let needed = self.file.filter { $0.sequence > self.acknowledged }
    let held = WorkHistory((needed + self.machine.pending).map(\.header)).recorded
    if self.machine.held(leaseID: 0) != held {
      self.fault("holds \(self.machine.held(leaseID: 0).ranges), needed are \(held.ranges)")
    }
    let neededSize = needed.reduce(0) { $0 + $1.lines.count }
    let pendingSize = self.machine.pending.reduce(0) { $0 + $1.lines.count }
    let hasRoom =
      pendingSize < self.settings.pendingSizeMax
      && neededSize + pendingSize < self.settings.sizeMax
      && self.fileSize < 2 * self.settings.sizeMax
    if self.machine.hasRoom != hasRoom { self.fault("room: \(self.machine.hasRoom)") }
    if !hasRoom, pendingSize == 0, neededSize < self.settings.sizeMax,
      self.machine.dropThrough == nil
    {
      self.fault("a file of \(self.fileSize) bytes stops the worker for ever")
    }
  }
}
