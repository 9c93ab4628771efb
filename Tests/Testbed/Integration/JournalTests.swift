import Foundation
import Testing

/// What a run's journal is good for, and what goes without one.
@Suite(
  .serialized,
  .enabled(if: LabCluster.sshdIsHere, "SKIPPED: no /usr/sbin/sshd (apt-get install openssh-server)")
)
struct JournalTests {
  @Test func `what happened while nobody watched is in the journal after the end of the run`()
    throws
  {
    let services = """
        brief:
          recipe: command
          run: 'sleep 4; echo the last word; exit 5'
      """
    try LabCluster.with(hostCount: 1, services: services) { cluster in
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      // Ready after 2 s, ended after 4 s.
      let deadline = ContinuousClock.now.advanced(by: .seconds(20))
      while try cluster.muster(["status", cluster.manifest]).status != 1,
        ContinuousClock.now < deadline
      {}
      #expect(try cluster.muster(["down", cluster.manifest]).status == 0)
      let why = try cluster.muster(["why", cluster.manifest, "brief"])
      #expect(why.output.contains("failed") && why.output.contains("status 5"), "\(why.output)")
      #expect(why.output.contains("the last word"), "\(why.output)")
    }
  }

  @Test func `without a journal that can be read, what runs is seen and stopped`() throws {
    let services = """
        quick:
          recipe: command
          run: exec sleep 600
      """
    try LabCluster.with(hostCount: 1, services: services) { cluster in
      #expect(try cluster.muster(["up", cluster.manifest]).status == 0)
      let run = try #require(try cluster.runs().last)
      for name in try FileManager.default.contentsOfDirectory(atPath: run.path)
      where name.hasPrefix("journal.sqlite") {
        try Data("no database".utf8).write(to: run.appending(path: name))
      }
      let status = try cluster.muster(["status", cluster.manifest])
      #expect(status.status == 0 && status.output.contains("ready"), "\(status.talk)")
      let top = try cluster.muster(["top", cluster.manifest, "--once"])
      #expect(top.status == 0 && top.talk.contains("refuses"), "\(top.talk)")
      let why = try cluster.muster(["why", cluster.manifest, "quick"])
      #expect(why.status == 2 && why.talk.contains("need no journal"), "\(why.talk)")
      #expect(try cluster.muster(["up", cluster.manifest]).status == 2)
      let down = try cluster.muster(["down", cluster.manifest])
      #expect(down.status == 0 && down.talk.contains("nothing is left"), "\(down.talk)")
    }
  }
}
