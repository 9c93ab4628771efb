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
    let (_, faults) = HostFile.read(
      "n1\nme@n1\nn2:0\nn3 gpus\nn[\nme@\nn4 8 9\nn5 slots=0\n", file: "hosts")
    #expect(
      faults.map { "\($0.location?.line ?? 0) \($0.code)" } == [
        "2 duplicate-host", "3 wrong-host", "4 wrong-host", "5 wrong-host", "6 wrong-host",
        "7 wrong-host", "7 wrong-host", "8 wrong-host",
      ])
  }

  /// What each line makes: `user@host:port slots`.
  private func lines(_ text: String) -> [String] {
    let (hosts, faults) = HostFile.read(text, file: "hosts")
    #expect(faults.map { $0.rendered() } == [])
    return hosts.entries.map { entry in
      (entry.user.map { "\($0)@" } ?? "") + NodeSet(entry.hosts).folded
        + (entry.port.map { ":\($0)" } ?? "") + (entry.slots.map { " \($0)" } ?? "")
    }
  }

  @Test(
    arguments: [
      // PBS and LSF: a line for each slot.
      (
        String(repeating: "a-r.example\n", count: 4) + "b-r.example\n",
        ["a-r.example 4", "b-r.example"]
      ),
      // Open MPI.
      ("a slots=4 max_slots=8\nb slots = 4\nc cpu=4\na slots=2\n", ["a 6", "b,c 4"]),
      // MPICH and Intel MPI.
      ("a:4\nb:8 ifname=ib0 binding=user:0,1\nc:22\nd:2222\n", ["a 4", "b 8", "c:22", "d:2222"]),
      // DeepSpeed.
      ("worker-1 slots=4\nworker-2 slots=4\n", ["worker-[1-2] 4"]),
      // Grid Engine.
      ("a 8 all.q@a UNDEFINED\nb 8\n", ["a,b 8"]),
      // Slurm's SLURM_JOB_NODELIST.
      ("gpu[01-03,07],login1\n", ["gpu[01-03,07],login1"]),
      ("me@a\na2 user=me # both\n", ["me@a,a2"]),
      // Windows, and several files behind each other.
      ("\u{FEFF}a slots=8\r\nb\u{A0}slots=8\r\n\u{FEFF}c\n", ["a,b 8", "c"]),
      ("a\rb\r", ["a,b"]),
    ] as [(String, [String])])
  func `host files of the field are read`(text: String, hosts: [String]) {
    #expect(self.lines(text) == hosts)
  }

  @Test(arguments: [
    ("2001:db8:0:150e::3000:1", "2001:db8:0:150e::3000:1"),
    ("[2001:db8::3]:22 slots=8", "2001:db8::3"),
    ("me@[fe80::1%eth0]", "fe80::1%eth0"), ("::1", "::1"),
  ])
  func `an address of IPv6 is told with where it belongs`(line: String, address: String) {
    let (_, faults) = HostFile.read(line, file: "hosts")
    #expect(
      faults.map(\.hints) == [
        ["write it in the manifest: `{hosts: gpu01, address: \"\(address)\"}`"]
      ])
  }
}
