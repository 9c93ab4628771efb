import Fleet
import Rollouts
import Testing

struct SpoolMachineTests {
  private static let settings = {
    var settings = SpoolSettings()
    settings.sizeMax = 100
    settings.pendingSizeMax = 40
    settings.recentSizeMax = 30
    settings.compactionSize = 50
    return settings
  }()

  private static func machine(
    entries: [BatchEntry] = [], lastSequence: UInt64 = 0
  ) -> SpoolMachine {
    SpoolMachine(settings: Self.settings, entries: entries, lastSequence: lastSequence)
  }

  private static func entry(_ sequence: UInt64) -> BatchEntry {
    BatchEntry(
      BatchHeader(
        sequence: sequence, leaseID: 1, attempt: 1, items: [sequence * 10..<sequence * 10 + 1]),
      size: 10)
  }

  private static func batch(
    _ items: OrdinalRangeSet, size: Int, leaseID: UInt64 = 1, kind: RecordLine.Kind = .result
  ) -> RecordBatch {
    RecordBatch(
      BatchHeader(sequence: 0, leaseID: leaseID, attempt: 1, kind: kind, items: items),
      lines: [UInt8](repeating: 10, count: size))
  }

  /// Closes batches of 10 bytes with one item each: the item of batch `n` is `10 * n`.
  private static func close(_ sequences: ClosedRange<UInt64>, in machine: inout SpoolMachine) {
    for sequence in sequences {
      machine.closed(Self.batch([sequence * 10..<sequence * 10 + 1], size: 10))
    }
  }

  private static func write(_ sequences: ClosedRange<UInt64>, in machine: inout SpoolMachine) {
    Self.close(sequences, in: &machine)
    machine.written(machine.pending)
  }

  private static func sent(_ machine: SpoolMachine) -> UInt64? {
    switch machine.nextSend {
    case .send(let batch): batch.sequence
    case .read, .none: nil
    }
  }

  @Test func `the highest number that a file can name leaves room for the next`() {
    let machine = SpoolMachine(settings: Self.settings, entries: [], lastSequence: .max)
    #expect(machine.hasRoom && machine.pending == [])
  }

  @Test func `a batch is sent once it is on disk, and not before`() {
    var machine = Self.machine()
    Self.close(1...2, in: &machine)
    #expect(!machine.pending.isEmpty && machine.nextSend == .none)
    #expect(machine.pending.map(\.sequence) == [1, 2])
    machine.written([machine.pending[0]])
    #expect(machine.pending.map(\.sequence) == [2])
    #expect(Self.sent(machine) == 1)
    machine.sent(1)
    #expect(machine.nextSend == .none)
    machine.written(machine.pending)
    #expect(Self.sent(machine) == 2 && machine.pending.isEmpty)
  }

  @Test func `items are held from closing to acknowledgement`() {
    var machine = Self.machine()
    Self.write(1...2, in: &machine)
    Self.close(3...3, in: &machine)
    #expect(machine.held(leaseID: 0).ranges == [10..<11, 20..<21, 30..<31])
    machine.sent(1)
    machine.sent(2)
    #expect(machine.acknowledged(through: 1) == .none)
    #expect(machine.held(leaseID: 0).ranges == [20..<21, 30..<31])
    #expect(machine.acknowledged(through: 1) == .none, "acknowledgements may be repeated")
    #expect(machine.acknowledged(through: 3) == .refuse, "it was never sent")
    #expect(machine.acknowledged(through: 2) == .none)
    #expect(machine.held(leaseID: 0).ranges == [30..<31])
  }

  @Test func `what failed is held against the lease it failed for, and no other`() {
    var machine = Self.machine()
    machine.closed(Self.batch([3..<5], size: 10, leaseID: 7, kind: .failure))
    #expect(machine.held(leaseID: 0).isEmpty)
    #expect(machine.held(leaseID: 7) == [3..<5])
    #expect(machine.held(leaseID: 8) == [] && machine.held(leaseID: 6) == [])
    machine.closed(Self.batch([4..<5], size: 10, leaseID: 8, kind: .failure))
    machine.closed(Self.batch([9..<10], size: 10))
    #expect(machine.held(leaseID: 8) == [4..<5, 9..<10])
    machine.written(machine.pending)
    for sequence in [1, 2, 3] as [UInt64] { machine.sent(sequence) }
    #expect(machine.acknowledged(through: 1) == .none)
    #expect(machine.held(leaseID: 7) == [9..<10] && machine.held(leaseID: 8) == [4..<5, 9..<10])
    #expect(machine.acknowledged(through: 3) == .none)
    #expect(machine.held(leaseID: 8) == [])
  }

  @Test func `a new stream begins with the first that was not acknowledged`() {
    var machine = Self.machine()
    Self.write(1...3, in: &machine)
    for sequence in 1...3 as ClosedRange<UInt64> { machine.sent(sequence) }
    #expect(machine.acknowledged(through: 1) == .none)
    machine.streamBegan()
    #expect(Self.sent(machine) == 2)
    #expect(machine.acknowledged(through: 3) == .refuse, "not on this stream")
    machine.sent(2)
    #expect(machine.acknowledged(through: 2) == .none)
    #expect(Self.sent(machine) == 3)
  }

  @Test func `what is no longer in memory is read from the disk, then the rest is sent`() {
    var machine = Self.machine()
    Self.write(1...5, in: &machine)
    // 30 of 50 bytes stay in memory: the batches 3, 4 and 5.
    #expect(machine.nextSend == .read(after: 0, through: 2))
    machine.sent(1)
    #expect(machine.nextSend == .read(after: 1, through: 2))
    machine.sent(2)
    #expect(Self.sent(machine) == 3)
  }

  @Test func `a batch too large for memory is read back`() {
    var machine = Self.machine()
    machine.closed(Self.batch([0..<1], size: 31))
    machine.written(machine.pending)
    #expect(machine.nextSend == .read(after: 0, through: 1))
    machine.sent(1)
    #expect(machine.nextSend == .none)
  }

  @Test func `the worker waits for the disk and for acknowledgements`() {
    var machine = Self.machine()
    Self.close(1...3, in: &machine)
    #expect(machine.hasRoom)
    Self.close(4...4, in: &machine)
    #expect(!machine.hasRoom, "40 bytes wait in memory")
    machine.written(machine.pending)
    #expect(machine.hasRoom)
    Self.write(5...9, in: &machine)
    #expect(machine.hasRoom)
    Self.close(10...10, in: &machine)
    #expect(!machine.hasRoom, "100 bytes are on disk or wait for it")
    machine.written(machine.pending)
    #expect(!machine.hasRoom)
    for sequence in 1...10 as ClosedRange<UInt64> { machine.sent(sequence) }
    #expect(machine.acknowledged(through: 1) == .none)
    #expect(machine.hasRoom)
  }

  @Test func `after a restart all that the file holds is delivered, and numbers go on`() {
    var machine = Self.machine(entries: [Self.entry(4), Self.entry(5)], lastSequence: 5)
    #expect(machine.held(leaseID: 0).ranges == [40..<41, 50..<51])
    #expect(machine.nextSend == .read(after: 3, through: 5))
    Self.close(6...6, in: &machine)
    #expect(machine.pending.map(\.sequence) == [6])
    var empty = Self.machine(lastSequence: 9)
    #expect(empty.nextSend == .none)
    Self.close(10...10, in: &empty)
    #expect(empty.pending.map(\.sequence) == [10])
  }

  @Test func `pending batches that reached the file before its fault are not written twice`() {
    var machine = Self.machine()
    Self.write(1...1, in: &machine)
    Self.close(2...4, in: &machine)
    machine.reopened(entries: [Self.entry(1), Self.entry(2), Self.entry(3)])
    #expect(machine.pending.map(\.sequence) == [4])
    #expect(Self.sent(machine) == 1)
    machine.reopened(entries: [Self.entry(1), Self.entry(2), Self.entry(3)])
    #expect(machine.pending.map(\.sequence) == [4])
  }

  @Test func `the file is written anew when little of it is needed, up to what is acknowledged`() {
    var machine = Self.machine()
    Self.write(1...4, in: &machine)
    for sequence in 1...4 as ClosedRange<UInt64> { machine.sent(sequence) }
    #expect(machine.acknowledged(through: 4) == .none)
    #expect(machine.dropThrough == nil, "40 bytes are not worth it")
    Self.write(5...5, in: &machine)
    #expect(machine.dropThrough == 4, "10 of 50 bytes are needed")
    // Another is written while that is done.
    Self.write(6...6, in: &machine)
    machine.dropped(through: 4)
    #expect(machine.dropThrough == nil)
    #expect(Self.sent(machine) == 5)
    Self.write(7...13, in: &machine)
    #expect(machine.dropThrough == nil, "nothing of it is acknowledged")
  }

  @Test func `a full spool is written anew for what it gains, not for each acknowledgement`() {
    var machine = Self.machine()
    var (written, rewritten, last) = (0, 0, UInt64(0))
    for acknowledged in 1...500 as ClosedRange<UInt64> {
      while machine.hasRoom {
        last += 1
        Self.write(last...last, in: &machine)
        written += 10
      }
      for sequence in 1...last { machine.sent(sequence) }
      #expect(machine.acknowledged(through: acknowledged) == .none)
      if let sequence = machine.dropThrough {
        #expect(sequence == acknowledged)
        machine.dropped(through: sequence)
        rewritten += Int(last - acknowledged) * 10
      }
    }
    #expect(written >= 4000)
    #expect(rewritten > 0 && rewritten <= 2 * written, "\(rewritten) bytes for \(written)")
  }

  @Test(arguments: 0..<300 as Range<UInt64>)
  func `whatever happens, each batch on disk is delivered in order until acknowledged`(
    seed: UInt64
  ) {
    var world = SpoolWorld(settings: Self.settings, seed: seed)
    for _ in 0..<400 { world.step() }
    world.drain()
    #expect(world.faults == [])
  }
}
