import Foundation
import Testing

/// Labs in folders whose names mean something to sshd, to YAML or to both.
@Suite(
  .serialized,
  .enabled(if: LabCluster.sshdIsHere, "SKIPPED: no /usr/sbin/sshd (apt-get install openssh-server)")
)
struct LabNameTests {
  @Test(arguments: ["a lab", "100% %h %%u", #"say "hi" \n \"#, "#1 ~ $HOME *?"])
  func `a lab lets in whatever its folder is called`(name: String) throws {
    let cluster = try LabCluster(hostCount: 2, labName: name)
    defer { try? cluster.end() }
    let links = try cluster.muster(["links", cluster.manifest])
    #expect(links.status == 0, "\(links.talk)")
    #expect(links.output.contains("node02"))
    #expect(try cluster.muster(["links", "--end", cluster.manifest]).status == 0)
    let down = try cluster.muster(["lab", "down", "--folder", cluster.labFolder])
    #expect(down.status == 0, "\(down.talk)")
    #expect(!FileManager.default.fileExists(atPath: cluster.labFolder))
  }
}
