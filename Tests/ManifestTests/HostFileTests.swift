import Fleet
import Manifest
import Testing

@Suite struct HostFileTests {
  @Test func `a host file becomes a manifest that reads back`() throws {
    let (hosts, faults) = HostFile.read(
      "# racks\nn1 slots=8\n\nme@n2:2222 # odd one\ngpu[01-02] slots=8\n", file: "hosts")
    #expect(faults.isEmpty)
    let text = StarterManifest.text(hosts: hosts, name: "run")
    let (manifest, problems) = ManifestReader.read(text, file: "m.yaml")
    #expect(problems.isEmpty)
    let nodes = try #require(manifest?.nodes)
    #expect(nodes.map(\.name.rawValue) == ["gpu01", "gpu02", "n1", "n2"])
    #expect(nodes.map { $0.labels["slots"] } == ["8", "8", "8", nil])
    guard case .ssh(let settings) = nodes[3].link else {
      Issue.record("n2 is not reached over ssh")
      return
    }
    #expect(settings.user == "me")
    #expect(settings.port == 2222)
  }

  @Test func `without hosts the node is this machine`() {
    let (manifest, _) = ManifestReader.read(
      StarterManifest.text(hosts: HostFile(), name: "run"), file: "m.yaml")
    #expect(manifest?.nodes.map(\.link) == [.local])
  }

  @Test func `each wrong line is told`() {
    let (_, faults) = HostFile.read("n1\nn1\nn2:0\nn3 gpus\nn[\n", file: "hosts")
    #expect(
      faults.map { "\($0.location?.line ?? 0) \($0.code)" } == [
        "2 duplicate-host", "3 wrong-host", "4 wrong-host", "5 wrong-host",
      ])
  }
}
