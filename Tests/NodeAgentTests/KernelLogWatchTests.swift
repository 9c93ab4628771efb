import FoundationEssentials
import Glibc
import NodeAPI
import OperatingSystem
import Synchronization
import Testing

@testable import NodeAgent

struct KernelLogWatchTests {
  private static let xid = "NVRM: Xid (PCI:0000:3b:00): 79, pid=1, GPU has fallen off the bus."

  private static func replicaEvent(_ text: String) -> Muster_V1_NodeEvent {
    var event = Muster_V1_NodeEvent()
    event.kind = "xid"
    event.service = "policy"
    event.text = text
    return event
  }

  /// Carries `body` out while a file is followed as if it were the kernel's log.
  private static func following(
    _ path: String, note: @escaping @Sendable (String) -> Void = { _ in },
    _ body: (EventLog) async throws -> Void
  ) async throws {
    let events = EventLog(path: "\(path).events", wallClockMilliseconds: { 1_700_000_000_000 })
    let blocking = BlockingCalls()
    let watch = KernelLogWatch(
      path: path, events: events, blocking: blocking, clock: ContinuousClock(), note: note)
    try await withThrowingTaskGroup { tasks in
      tasks.addTask { await watch.run() }
      defer { tasks.cancelAll() }
      try await body(events)
    }
    try await blocking.end()
  }

  private static func write(_ text: String, to file: CInt) throws {
    try PlainFile.write(Array(text.utf8), to: file, named: "a test's log")
  }

  @Test func `an XID that comes is an event of the node, and what was there before is none`()
    async throws
  {
    let folder = try TestAgent().folder
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = "\(folder)/kmsg"
    let file = open(path, O_CREAT | O_WRONLY | O_APPEND, 0o600)
    defer { close(file) }
    try Self.write("4,1,100,-;NVRM: Xid (PCI:0000:3b:00): 31, before\n", to: file)
    try await Self.following(path) { events in
      // Whatever is written once it stands at the file's end is seen.
      try await eventually { Self.isReadToItsEnd(path) }
      try Self.write(
        "6,2,200,-;usb 1-1: new device\n SUBSYSTEM=usb\n4,3,300,-;\(Self.xid)", to: file)
      try Self.write("\n4,4,400,-;NCCL WARN copied there by somebody\n", to: file)
      try await eventually { !events.events(after: 0).isEmpty }
      let seen = events.events(after: 0)
      #expect(seen.map(\.kind) == ["xid"] && seen.map(\.text) == [Self.xid])
      #expect(seen.map(\.service) == [""] && seen.map(\.sequence) == [1])
      // A replica that prints the kernel's log.
      events.record(Self.replicaEvent("[ 300.1] \(Self.xid)"))
      #expect(events.events(after: 0).count == 1)
      events.record(Self.replicaEvent("NVRM: Xid (PCI:0000:3b:00): 48, pid=1"))
      #expect(events.events(after: 0).map(\.sequence) == [1, 2])
    }
  }

  @Test func `switches and GPUs that are gone without an XID are told, too`() async throws {
    let folder = try TestAgent().folder
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = "\(folder)/kmsg"
    let file = open(path, O_CREAT | O_WRONLY | O_APPEND, 0o600)
    defer { close(file) }
    let lines = [
      "nvidia-nvswitch0: SXid (PCI:0000:00:00.0): 20034, Fatal, Link 30 LTSSM Fault Up",
      #"NVRM: The NVIDIA GPU 0000:b3:00.0\x0aNVRM: has fallen off the bus"#,
    ]
    try await Self.following(path) { events in
      try await eventually { Self.isReadToItsEnd(path) }
      for line in lines { try Self.write("3,1,100,-;\(line)\n", to: file) }
      try await eventually { events.events(after: 0).count == 2 }
      #expect(events.events(after: 0).map(\.text) == lines)
      #expect(events.events(after: 0).allSatisfy { $0.kind == "xid" })
    }
  }

  /// By whoever of this process reads it: the test itself only writes.
  private static func isReadToItsEnd(_ path: String) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0 else { return false }
    return ((try? PlainFile.names(in: "/proc/self/fd")) ?? []).contains { name in
      guard
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)"))
          == path, let number = CInt(name), fcntl(number, F_GETFL) & O_ACCMODE == O_RDONLY
      else { return false }
      return lseek(number, 0, SEEK_CUR) == status.st_size
    }
  }

  @Test func `a log that cannot be read is said once, and nothing else happens`() async throws {
    let notes = Mutex<[String]>([])
    try await Self.following(
      "/nowhere/kmsg", note: { note in notes.withLock { $0.append(note) } }
    ) { _ in
      try await eventually { notes.withLock { !$0.isEmpty } }
    }
    #expect(
      notes.withLock { $0 } == [
        "no XIDs but those of replicas' logs: /nowhere/kmsg: No such file or directory"
      ])
  }

  @Test func `an XID is told as often as the source that has it most often`() {
    var seen = SeenXIDs()
    func isNew(_ source: String, _ seconds: Int64, text: String = "Xid (PCI:1): 31") -> Bool {
      seen.isNew("\(source) \(text)", from: source, at: seconds * 1000)
    }
    #expect(isNew("", 0) && isNew("", 1))
    #expect(!isNew("policy-0", 2) && !isNew("judge-0", 3) && !isNew("policy-0", 4))
    #expect(isNew("policy-0", 5))
    #expect(!isNew("", 6) && isNew("", 7))
    #expect(isNew("judge-0", 7, text: "Xid (PCI:2): 31"))
    // A minute after the last time it is another trouble.
    #expect(!isNew("judge-0", 66) && isNew("judge-0", 127))
    // Others do not push a new one out at once.
    for device in 0..<100 { #expect(isNew("", 128, text: "Xid (PCI:\(device)): 1")) }
    #expect(!isNew("policy-0", 129, text: "Xid (PCI:99): 1"))
  }
}
