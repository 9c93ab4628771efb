import Fleet
import Glibc
import OperatingSystem
import Rollouts
import RunStore
import Testing

struct RunDirectoryTests {
  private let folder = ScratchFolder()
  private var root: String { "\(self.folder.path)/a/runs" }

  private func run(
    _ seconds: Int64, plan: String = "{}", workPlan: WorkPlan? = nil
  ) throws -> RunDirectory {
    var generator = SplitMix64(state: UInt64(seconds))
    return try RunDirectory.create(
      root: self.root, name: "eval",
      id: RunID(milliseconds: seconds * 1000, using: &generator), plan: Array(plan.utf8),
      workPlan: workPlan)
  }

  @Test func `runs are listed newest first and found by plan, name, id and folder`() throws {
    let old = try self.run(1000, plan: "a")
    let middle = try self.run(2000, plan: "a")
    let new = try self.run(3000, plan: "b")
    let list = RunList(root: self.root)
    #expect(try list.runs() == [new, middle, old])
    try middle.markFinished()
    #expect(try list.runs().map(\.isFinished) == [false, true, false])
    #expect(try list.run("eval") == new)
    #expect(try list.run(old.id.rawValue) == old)
    #expect(try list.run("\(self.root)/eval/\(old.id)") == old)
    #expect(try list.run("\(self.root)/eval/latest/") == new && list.run("eval/latest") == new)
    for other in ["other", "other/latest", "latest"] {
      #expect(throws: RunStoreError.noRun(other)) { try list.run(other) }
    }
    let latest = try PlainFile.read("\(self.root)/eval/latest/plan.json", whole: 10)
    #expect(latest == Array("b".utf8))
    #expect(try RunList(root: "/nonexistent").runs().isEmpty)
  }

  @Test func `a run whose making was cut short is no run`() throws {
    let run = try self.run(1)
    var generator = SplitMix64(state: 5)
    let parts = "\(self.root)/eval/.\(RunID(milliseconds: 5000, using: &generator)).new"
    #expect(mkdir(parts, 0o700) == 0)
    #expect(try RunList(root: self.root).runs() == [run])
  }

  @Test func `a run that nodes still have goes on where it was kept, else in a folder of its own`()
    throws
  {
    let run = try self.run(1, plan: "a")
    try run.markFinished()
    let bytes = Array("b".utf8)
    #expect(try RunDirectory.adopt(root: self.root, name: "eval", id: run.id, plan: bytes) == run)
    #expect(try !run.isFinished && run.plan() == Array("a".utf8))
    var generator = SplitMix64(state: 5)
    let id = RunID(milliseconds: 5000, using: &generator)
    // A process was killed as it began the same.
    for part in ["", "/records"] {
      #expect(mkdir("\(self.root)/eval/.\(id).new\(part)", 0o700) == 0)
    }
    let new = try RunDirectory.adopt(root: self.root, name: "eval", id: id, plan: bytes)
    #expect(try RunList(root: self.root).runs() == [new, run] && new.plan() == bytes)
  }

  @Test func `a run is one process's at a time, and the holder is named`() throws {
    let run = try self.run(1)
    let lock = try RunLock(run, holder: "4711@here")
    #expect(throws: RunStoreError.locked(path: "\(run.path)/lock", holder: "4711@here")) {
      _ = try RunLock(run, holder: "other")
    }
    _ = consume lock
    _ = try RunLock(run, holder: "other")
  }

  @Test func `a work plan comes back, and a changed one is damage`() throws {
    #expect(try self.run(1).workPlan() == nil)
    let plan = try WorkPlan(
      kind: "test", specification: Array("{}".utf8), taskCount: 3)
    let run = try self.run(2, workPlan: plan)
    #expect(try run.workPlan() == plan)
    try PlainFile.publish(
      Array(plan.canonicalText.utf8.dropLast()), at: run.workPlanPath, durably: true)
    #expect(throws: RunStoreError.self) { try run.workPlan() }
  }

  @Test func `events come back in order, also to another reader`() throws {
    let path = try self.run(1).journalPath
    let events = (0..<5).map {
      JournalEvent(milliseconds: $0, kind: $0 % 2 == 0 ? "leased" : "lost", subject: "n\($0)")
    }
    let journal = try Journal(path: path)
    for event in events { try journal.append([event]) }
    #expect(try Journal(path: path).events() == events)
    #expect(try journal.events(kind: "lost") == [events[1], events[3]])
  }
}
