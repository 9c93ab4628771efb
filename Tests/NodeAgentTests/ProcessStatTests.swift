import Glibc
import OperatingSystem
import Testing

@testable import NodeAgent

@Suite
struct `What /proc says` {
  private static func line(_ name: String) -> [UInt8] {
    Array(
      "4242 (\(name)) S 17 4240 4200 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2\n".utf8)
  }

  @Test(arguments: ["vllm", "VLLM::EngineCor", "a) S 1 (b", ") Z 1 1 1 (", "", " ", "x\ny", "((("])
  func `a process is read whatever its name`(name: String) throws {
    let stat = try #require(ProcessStat(parsing: Self.line(name)))
    #expect(stat.name == name)
    #expect(stat.identity == .init(processID: 4242, startTicks: 987_654))
    #expect(stat.parentID == 17)
    #expect(stat.groupID == 4240)
    #expect(stat.sessionID == 4200)
    #expect(!stat.isGone)
  }

  @Test func `a line cut short anywhere is no process, and does not trap`() {
    let line = Self.line("na)me")
    let fields = line.lastIndex(of: UInt8(ascii: ")")) ?? 0
    for count in 0..<line.count {
      let stat = ProcessStat(parsing: Array(line[..<count]))
      if count < fields + 40 { #expect(stat == nil, "\(count)") }
    }
  }

  @Test func `an environment is split at NUL, and the first of a name counts`() {
    let block = Array("A=1\0B=x=y\0A=2\0=odd\0none\0C=\0".utf8)
    #expect(ProcessTable.variables(in: block) == ["A": "1", "B": "x=y", "C": ""])
    #expect(ProcessTable.variables(in: []) == [:])
  }

  @Test func `listening ports are those in state 0A`() {
    let table = """
        sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
         0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
         1: 0100007F:1F91 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0
         2: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 0
      """
    #expect(ListeningPorts.parse(Array(table.utf8)).map(\.port) == [8080, 22])
  }

  @Test func `a number that another process has now is neither asked nor signalled`() throws {
    let child = try ChildProcess(argv: ["/bin/sleep", "60"]).spawn()
    defer { ChildProcess.kill(child) }
    let identity = try #require(ProcessTable.stat(of: child)?.identity)
    for ticks in [identity.startTicks - 1, identity.startTicks + 1] {
      let former = ProcessStat.Identity(processID: child, startTicks: ticks)
      #expect(!ProcessTable.isAlive(former))
      ProcessTable.send(SIGKILL, to: former)
    }
    // A signal is delivered before the call returns: it would be gone.
    #expect(ProcessTable.isAlive(identity))
    ProcessTable.send(SIGKILL, to: identity)
    var status: CInt = 0
    #expect(waitpid(child, &status, 0) == child && status & 0x7F == SIGKILL)
    #expect(!ProcessTable.isAlive(identity))
  }

  @Test func `a process is ours by descent, by session while it lives, or by its environment`() {
    func process(_ id: Int32, parent: Int32, session: Int32, ticks: UInt64 = 5) -> ProcessStat {
      let text =
        "\(id) (x) S \(parent) \(session) \(session) 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 \(ticks) "
      return ProcessStat(parsing: Array(text.utf8)) ?? ProcessStat.missing
    }
    let processes = ReplicaProcesses(
      holder: .init(processID: 10, startTicks: 5), main: .init(processID: 11, startTicks: 5),
      marks: [])
    let table = [
      process(1, parent: 0, session: 1), process(10, parent: 1, session: 10),
      process(11, parent: 10, session: 11), process(12, parent: 11, session: 11),
      process(13, parent: 10, session: 13), process(14, parent: 13, session: 14),
      process(15, parent: 1, session: 15), process(16, parent: 1, session: 11),
      process(17, parent: 1, session: 17),
    ]
    func owned(_ table: [ProcessStat], marked: Set<Int32>) -> [Int32] {
      processes.owned(of: table) { marked.contains($0) }.map(\.identity.processID)
    }
    #expect(owned(table, marked: [17]) == [11, 12, 13, 14, 16, 17])
    #expect(
      processes.toTerminate(of: processes.owned(of: table) { _ in false }).map(\.identity.processID)
        == [11, 12, 16])
    // Both numbers belong to others now: nothing but a mark proves anything.
    let reused = table.map { stat in
      var stat = stat
      if [10, 11].contains(stat.identity.processID) { stat.identity.startTicks = 6 }
      return stat
    }
    #expect(owned(reused, marked: []) == [])
    #expect(owned(reused, marked: [12]) == [12])
  }
}

extension ProcessStat {
  /// Stands out in a failed comparison.
  static var missing: ProcessStat {
    guard
      let stat = ProcessStat(parsing: Array("0 () S 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 ".utf8))
    else { preconditionFailure("a line without a name is a line") }
    return stat
  }
}
