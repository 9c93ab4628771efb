import Foundation
import OperatingSystem
import Testing

@testable import NodeAgent

struct ServingProcessesTests {
  /// A holder, the process it started, and a child of that.
  private static let script = "sh -c 'sleep 100 & echo; wait' & wait"

  @Test func `what was seen to be the replica's is so when nothing else tells of it any more`()
    async throws
  {
    let holder = Process()
    holder.executableURL = URL(filePath: "/bin/sh")
    holder.arguments = ["-c", "sh -c 'env -i setsid sleep 101 & sleep 60' & wait"]
    try holder.run()
    defer { kill(holder.processIdentifier, SIGKILL) }
    var (main, child): (ProcessStat?, ProcessStat?)
    try await eventually {
      let table = ProcessTable.all()
      main = table.first { $0.parentID == holder.processIdentifier }
      child = table.first { stat in
        stat.parentID == main?.identity.processID && stat.sessionID == stat.identity.processID
          && stat.name == "sleep"
      }
      return child != nil
    }
    let server = try #require(main).identity
    let engine = try #require(child).identity
    defer { for process in [server, engine] { ProcessTable.send(SIGKILL, to: process) } }
    let stat = try #require(ProcessTable.stat(of: holder.processIdentifier))
    var watch = ReplicaWatch(
      ReplicaProcesses(holder: stat.identity, main: server, marks: ["NO=mark"]),
      log: ReplicaLog(path: "/dev/null"), record: "/nowhere", ports: [])
    _ = watch.look(isClearing: false)
    for process in [stat.identity, server] {
      ProcessTable.send(SIGKILL, to: process)
      try await eventually { !ProcessTable.isAlive(process) }
    }
    #expect(watch.leftovers().contains("process \(engine.processID) (sleep) outlived KILL"))
    watch.send(SIGKILL)
    try await eventually { !ProcessTable.isAlive(engine) }
  }

  @Test func `a process that is stopped or lost is named, one that came and went is not`()
    async throws
  {
    let holder = Process()
    holder.executableURL = URL(filePath: "/bin/sh")
    holder.arguments = ["-c", Self.script]
    let output = Pipe()
    holder.standardOutput = output
    try holder.run()
    defer { kill(holder.processIdentifier, SIGKILL) }
    // Its line says that all are there; the last may not yet be the program that it is to become.
    _ = output.fileHandleForReading.availableData
    var table: [ProcessStat] = []
    func children(of process: Int32) -> [ProcessStat] { table.filter { $0.parentID == process } }
    try await eventually {
      table = ProcessTable.all()
      let main = children(of: holder.processIdentifier).first
      return main.map { children(of: $0.identity.processID).first?.name } == "sleep"
    }
    let stat = try #require(table.first { $0.identity.processID == holder.processIdentifier })
    let main = try #require(children(of: holder.processIdentifier).first)
    let child = try #require(children(of: main.identity.processID).first)
    defer { for process in [main, child] { kill(process.identity.processID, SIGKILL) } }
    let words = "process \(child.identity.processID) (sleep)"

    var processes = ServingProcesses(
      of: ReplicaProcesses(holder: stat.identity, main: main.identity, marks: []))
    #expect(processes.processorTime == nil)
    processes.look()
    #expect(processes.processorTime != nil && processes.stoppedProcess == nil)
    kill(child.identity.processID, SIGSTOP)
    try await eventually {
      processes.look()
      return processes.stoppedProcess == words
    }
    var young = ServingProcesses(
      of: ReplicaProcesses(holder: stat.identity, main: main.identity, marks: []))
    young.look()
    for _ in 0..<50 { processes.look() }
    // The next look of this one reads the whole table.
    var due = ServingProcesses(
      of: ReplicaProcesses(holder: stat.identity, main: main.identity, marks: []))
    for _ in 0..<100 { due.look() }
    kill(child.identity.processID, SIGKILL)
    try await eventually {
      processes.look()
      return processes.lost == words
    }
    young.look()
    #expect(young.lost.isEmpty)
    due.look()
    #expect(due.lost == words, "it ended just before the table was read")
    for _ in 0..<300 { processes.look() }
    #expect(processes.lost.isEmpty, "what is long ago is no cause")
  }
}
