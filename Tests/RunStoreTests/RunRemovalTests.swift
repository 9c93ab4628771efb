import Fleet
import Glibc
import RunStore
import Testing

struct RunRemovalTests {
  private static func run(_ root: String, _ second: Int) throws -> RunDirectory {
    var generator = SplitMix64(state: UInt64(second))
    return try RunDirectory.create(
      root: root, name: "demo",
      id: RunID(milliseconds: Int64(second) * 1000, using: &generator),
      plan: [UInt8](repeating: 7, count: 50_000))
  }

  private static func latest(_ root: String) -> String? {
    var buffer = [CChar](repeating: 0, count: 256)
    let count = readlink("\(root)/demo/latest", &buffer, buffer.count)
    return count < 0
      ? nil : String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  @Test func `a run goes whole, and latest names the newest that is left`() throws {
    let scratch = ScratchFolder()
    let list = RunList(root: scratch.path)
    let (old, new) = (try Self.run(scratch.path, 1), try Self.run(scratch.path, 2))
    #expect(try list.remove(new, holder: "me") > 50_000)
    #expect(try list.runs(named: "demo") == [old])
    #expect(Self.latest(scratch.path) == old.id.rawValue)
    #expect(try list.remove(old, holder: "me") > 50_000)
    #expect(try list.runs() == [] && Self.latest(scratch.path) == nil)
  }

  @Test func `one that a process works on stays, and who that is can be asked`() throws {
    let scratch = ScratchFolder()
    let list = RunList(root: scratch.path)
    let run = try Self.run(scratch.path, 1)
    #expect(RunLock.holder(of: run) == nil)
    let lock = try RunLock(run, holder: "me@here pid 7")
    #expect(RunLock.holder(of: run) == "me@here pid 7")
    #expect(throws: RunStoreError.self) { _ = try list.remove(run, holder: "other") }
    _ = consume lock
    #expect(RunLock.holder(of: run) == nil && access(run.planPath, F_OK) == 0)
  }

  @Test func `a run on a full disk goes, too`() throws {
    let scratch = ScratchFolder()
    let run = try Self.run(scratch.path, 1)
    symlink("/dev/full", "\(run.path)/lock")
    #expect(try RunList(root: scratch.path).remove(run, holder: "me") > 50_000)
  }

  @Test func `what only looks like a run, or like what a removal left, stays where it is`() throws {
    let scratch = ScratchFolder()
    let list = RunList(root: scratch.path)
    let (link, run) = (try Self.run(scratch.path, 1), try Self.run(scratch.path, 2))
    #expect(rename(link.path, "\(scratch.path)/elsewhere") == 0)
    symlink("../elsewhere", link.path)
    #expect(throws: RunStoreError.self) { _ = try list.remove(link, holder: "me") }
    #expect(access(link.planPath, F_OK) == 0, "it is where it was")
    // Another's backup, and something that cannot be removed: neither is the fault of this run.
    mkdir("\(scratch.path)/demo/.backup.gone", 0o700)
    symlink("../elsewhere", "\(scratch.path)/demo/.\(link.id).gone")
    #expect(try list.remove(run, holder: "me") > 50_000)
    #expect(access("\(scratch.path)/demo/.backup.gone", F_OK) == 0)
    #expect(try list.remove(run, holder: "me") == 0, "somebody else has removed it")
  }

  @Test func `a lock that cannot be read is somebody's`() throws {
    let scratch = ScratchFolder()
    let run = try Self.run(scratch.path, 1)
    symlink("lock", "\(run.path)/lock")
    #expect(RunLock.holder(of: run)?.hasPrefix("somebody: ") == true)
  }

  @Test func `what a removal that was killed has left goes with the next`() throws {
    let scratch = ScratchFolder()
    let list = RunList(root: scratch.path)
    let (old, new) = (try Self.run(scratch.path, 1), try Self.run(scratch.path, 2))
    let gone = "\(scratch.path)/demo/.\(old.id).gone"
    #expect(rename(old.path, gone) == 0)
    #expect(try list.runs(named: "demo") == [new])
    #expect(try list.remove(new, holder: "me") > 100_000)
    #expect(access(gone, F_OK) != 0)
  }
}
