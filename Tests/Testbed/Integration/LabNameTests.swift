import Foundation
import Testing

/// A lab in a folder whose name means something to sshd, to YAML and to a shell.
@Suite(
  .enabled(if: LabCluster.sshdIsHere, "SKIPPED: no /usr/sbin/sshd (apt-get install openssh-server)")
)
struct LabNameTests {
  @Test func `a lab lets in whatever its folder is called`() throws {
    let cluster = try LabCluster(hostCount: 1, labName: ##"#1 100% %h %%u "lab" \n ~ $HOME *?\"##)
    defer { try? cluster.end() }
    let links = try cluster.muster(["links", cluster.manifest])
    #expect(links.status == 0, "\(links.talk)")
    #expect(links.output.contains("node01"))
    #expect(try cluster.muster(["links", "--end", cluster.manifest]).status == 0)
    let down = try cluster.muster(["lab", "down", "--folder", cluster.labFolder])
    #expect(down.status == 0, "\(down.talk)")
    #expect(!FileManager.default.fileExists(atPath: cluster.labFolder))
  }
}
