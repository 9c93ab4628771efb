import Fleet
import Manifest
import Testing

@Suite struct ManifestReaderTests {
  private func read(
    _ text: String, include: (String) -> String? = { _ in nil }
  ) throws -> Manifest {
    let (manifest, faults) = ManifestReader.read(text, file: "dir/eval.yaml", include: include)
    #expect(faults.map { $0.rendered() } == [])
    return try #require(manifest)
  }

  private func ssh(_ node: ManifestNode) -> SSHSpecification? {
    guard case .ssh(let settings) = node.link else { return nil }
    return settings
  }

  @Test func `a node's ssh overrides the defaults key by key`() throws {
    let manifest = try self.read(
      """
      muster: 1
      ssh: {user: me, port: 2200, identity: key}
      nodes:
        - gpu[01-02]
        - {hosts: n1, address: 127.0.0.1, ssh: {port: 22001, known_hosts: [a, b]}}
      """)
    #expect(manifest.name == "eval")
    #expect(manifest.nodes.map(\.name.rawValue) == ["gpu01", "gpu02", "n1"])
    let first = try #require(self.ssh(manifest.nodes[0]))
    #expect(first.host == "gpu01")
    #expect(first.port == 2200)
    let last = try #require(self.ssh(manifest.nodes[2]))
    #expect(last.host == "127.0.0.1")
    #expect(last.port == 22001)
    #expect(last.user == "me")
    #expect(last.identityFiles == ["key"])
    #expect(last.knownHostsFiles == ["a", "b"])
    #expect(last.unknownHosts == .refuse)
  }

  @Test func `an address pattern holds the node's name`() throws {
    let manifest = try self.read(
      "muster: 1\nnodes: [{hosts: \"n[1-2]\", address: \"{node}.cluster.lan\"}]\n")
    #expect(
      manifest.nodes.compactMap(self.ssh).map(\.host) == ["n1.cluster.lan", "n2.cluster.lan"])
  }

  @Test(arguments: ["2001:db8::1", "::1", "fe80::1%eth0", "gpu01.lan", "10.0.0.1", "{node}.lan"])
  func `an address is a name or a number alone`(address: String) throws {
    let manifest = try self.read("muster: 1\nnodes: [{hosts: n1, address: \"\(address)\"}]\n")
    #expect(
      manifest.nodes.compactMap(self.ssh).map(\.host) == [address.replacing("{node}", with: "n1")])
  }

  @Test(arguments: [
    "address: \"[2001:db8::1]\"", "address: \"[2001:db8::1]:22\"", "address: \"gpu01.lan:22\"",
    "address: me@gpu01", "ssh: {host: \"ssh://gpu01\"}",
  ])
  func `an address with more is told where that belongs`(text: String) {
    let (_, faults) = ManifestReader.read(
      "muster: 1\nnodes: [{hosts: n1, \(text)}]\n", file: "m.yaml")
    #expect(faults.map(\.code) == ["wrong-address"])
  }

  @Test(arguments: ["\"2001:db8::1\"", "me@gpu01", "\"gpu01:2222\""])
  func `a node is a name`(text: String) {
    let (_, faults) = ManifestReader.read("muster: 1\nnodes: [\(text)]\n", file: "m.yaml")
    #expect(faults.map(\.code) == ["wrong-name"])
    #expect(faults.first?.hints.first?.contains("address: ") == true)
  }

  @Test func `variables of a service stand behind the manifest's`() throws {
    let manifest = try self.read(
      "muster: 1\nnodes: n1\nenv: {A: 1}\nservices: {a: {recipe: command, env: {B: 2}}}\n")
    #expect(manifest.services.first?.environment.map(\.name) == ["A", "B"])
  }

  @Test func `groups may name groups in any order`() throws {
    let manifest = try self.read(
      """
      muster: 1
      nodes: gpu[1-6]
      groups: {serving: "@policy,@judges", policy: "gpu[1-3]", judges: "gpu[1-6]!@policy!gpu6"}
      services: {a: {recipe: command, on: "@serving"}}
      """)
    #expect(
      manifest.services[0].nodes.map(\.rawValue) == ["gpu1", "gpu2", "gpu3", "gpu4", "gpu5"])
  }

  @Test func `an included file gives nodes with paths beside itself`() throws {
    let manifest = try self.read(
      "muster: 1\ninclude: .lab/nodes.yaml\nssh: {connect_timeout: 3}\nnodes: extra\n"
    ) { path in
      path == ".lab/nodes.yaml"
        ? "muster: 1\nnodes: [{hosts: n1, ssh: {host: 127.0.0.1, identity: id, known_hosts: /k}}]"
        : nil
    }
    #expect(manifest.nodes.map(\.name.rawValue) == ["n1", "extra"])
    let first = try #require(self.ssh(manifest.nodes[0]))
    #expect(first.host == "127.0.0.1")
    #expect(first.identityFiles == [".lab/id"])
    #expect(first.knownHostsFiles == ["/k"])
  }

  @Test func `a missing lab file says what writes it`() {
    let (_, faults) = ManifestReader.read(
      "muster: 1\ninclude: .lab/nodes.yaml\n", file: "clusters/lab.yaml")
    #expect(
      faults.map { $0.rendered() } == [
        """
        error: included file `.lab/nodes.yaml` cannot be read
          --> clusters/lab.yaml:2:10
        hint: `muster lab up 4` writes it

        """
      ])
  }

  @Test func `the same host in two files is an error with both places`() {
    let (manifest, faults) = ManifestReader.read(
      "muster: 1\ninclude: [a.yaml, b.yaml]\nnodes: [gpu03]\nservices: {}\n", file: "m.yaml",
      include: { $0.hasSuffix("a.yaml") ? "nodes: gpu[01-03]\n" : "nodes: [gpu02, gpu04]\n" })
    _ = manifest
    let twice = faults.filter { $0.code == "duplicate-host" }
    #expect(twice.map(\.location?.file) == ["b.yaml", "m.yaml"])
    #expect(twice.allSatisfy { $0.causes.first?.contains("a.yaml:1:") == true }, "\(faults)")
  }

  @Test func `a fault of an included file names that file`() {
    let (_, faults) = ManifestReader.read(
      "muster: 1\ninclude: more.yaml\n", file: "m.yaml",
      include: { _ in "muster: 1\nnodes: n1\nservices: {}\n" })
    #expect(faults.map(\.location) == [SourceLocation(file: "more.yaml", line: 3, column: 1)])
  }

  @Test func `services are ordered behind those they wait for`() throws {
    let manifest = try self.read(
      """
      muster: 1
      nodes: n1
      services:
        c: {recipe: command, after: [b]}
        a: {recipe: command}
        b: {recipe: command, after: [a]}
        d: {recipe: command}
      """)
    #expect(ServiceOrder.sorted(manifest.services).map(\.name) == ["a", "b", "c", "d"])
  }

  @Test(arguments: [
    "https://example.com/services/T0/B0/x", "http://[::1]:8080/a", "http://[::1]",
    "http://example.com:word@127.0.0.1:65535?a=b:99999",
  ])
  func `a webhook is any URL of HTTP`(url: String) throws {
    let manifest = try self.read("muster: 1\nnodes: [a]\nnotify: {webhook: \"\(url)\"}\n")
    #expect(manifest.notify?.webhook == url)
  }

  @Test func `watched files are absolute, or from the home of a login`() throws {
    func watched(_ yaml: String) throws -> [String]? {
      try self.read("muster: 1\nnodes: [a]\nwork: {watch: \(yaml)}\n").work?.watchedFiles
        .map { $0.path }
    }
    #expect(try watched("results/*.jsonl") == ["~/results/*.jsonl"])
    #expect(try watched("[/a/*.jsonl, ~/b]") == ["/a/*.jsonl", "~/b"])
  }

  @Test func `watched files may be one service's, which has to be there`() throws {
    func text(_ watch: String) -> String {
      "muster: 1\nnodes: [a]\nservices: {policy: {recipe: command}}\nwork: {watch: [\(watch)]}\n"
    }
    let files = try self.read(text("policy=/r/*.jsonl, policy=r.jsonl, /a=b.jsonl")).work?
      .watchedFiles
    #expect(files?.map(\.service) == ["policy", "policy", nil])
    #expect(files?.map(\.path) == ["/r/*.jsonl", "~/r.jsonl", "/a=b.jsonl"])
    let (_, faults) = ManifestReader.read(text("polcy=/r"), file: "m.yaml")
    #expect(faults.map(\.code) == ["unknown-service"])
    #expect(faults.first?.hints == ["write `policy`"] && faults.first?.location?.line == 4)
  }
}
