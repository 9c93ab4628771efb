import Fleet
import Foundation
import Links
import Plan
import Testing

/// What `ssh` knows of a host that the manifest does not.
@Suite struct OpenSSHConfigurationTests {
  /// The hint for the node, with the folder of the files as `~/.ssh`.
  private func hint(
    _ node: String, _ config: String, more: [String: String] = [:], system: String = "",
    address: String? = nil, after error: LinkError? = nil
  ) throws -> String? {
    let home = FileManager.default.temporaryDirectory
      .appendingPathComponent("muster-ssh-config-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: home) }
    let folder = home.appendingPathComponent(".ssh")
    let files = more.merging([".ssh/config": config, "etc/ssh_config": system]) { first, _ in first
    }
    for (path, text) in files {
      let file = home.appendingPathComponent(path)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    let configuration = OpenSSHConfiguration(home: home.path, system: "\(home.path)/etc")
    var ssh = SSHSpecification()
    ssh.host = address ?? node
    let plan = Plan.Node(name: node, link: .ssh(ssh))
    let error = error ?? .nameNotResolved(host: node, detail: "")
    let hint = configuration.hint(for: plan, after: error)
    #expect(configuration.hint(for: plan, after: error) == hint)
    return hint?.replacingOccurrences(of: folder.path, with: "~/.ssh")
      .replacingOccurrences(of: home.path, with: "")
  }

  @Test func `what it says of a host is what the manifest lacks`() throws {
    let config = """
      # mine
      Host gpubox  other
        HostName 127.0.0.1
        User=train
        Port 2222
        IdentityFile "~/.ssh/a key"
      Host *
        User nobody
      """
    #expect(
      try self.hint("gpubox", config)
        == "`~/.ssh/config`, line 2, is about `gpubox`, and is not read here: write `{hosts: gpubox, "
        + "address: 127.0.0.1, ssh: {user: train, port: 2222, identity: \"~/.ssh/a key\"}}`")
    #expect(try self.hint("gpu07", config) == nil)
    // The address is the manifest's; ssh knows the name.
    #expect(
      try self.hint("gpubox", config, address: "10.0.0.1")?.contains("is about `gpubox`") == true)
  }

  @Test(arguments: [
    ("Host gpu*\n  HostName %h.lan\n", "address: gpu07.lan"),
    ("Host gpu0? !gpu07\n  User a\nHost gpu07\n  User b\n", "ssh: {user: b}"),
    ("Host GPU07\n  HostName 2001:db8::1\n", "address: \"2001:db8::1\""),
    ("User me\nHost gpu07\n  Port 22\n", "ssh: {user: me, port: 22}"),
    ("Host gpu07\n  ProxyJump bastion\n", "link: {command: [ssh, gpu07]}"),
    ("Host gpu07\n  ProxyCommand none\n  User me\n", "ssh: {user: me}"),
    ("Match host gpu07,gpu08\n  User me\n", "ssh: {user: me}"),
    ("Match originalhost gpu* exec \"true\"\n  User me\n", "link: {command: [ssh, gpu07]}"),
    ("Include conf.d/*\n", "address: 10.0.0.7"),
    ("Host other\n  Include conf.d/*\nHost gpu07\n  User me\n", "ssh: {user: me}"),
  ])
  func `names, patterns, matches and files within are followed`(config: String, told: String) throws
  {
    let more = [".ssh/conf.d/a": "Host gpu07\n  HostName 10.0.0.7\n"]
    let hint = try #require(try self.hint("gpu07", config, more: more))
    #expect(hint.hasSuffix("write `{hosts: gpu07, \(told)}`"), "\(hint)")
  }

  @Test(arguments: [
    "", "Host *\n  User me\n", "Host gpu08\n", "Include config\n", "Match all\n  User x\n",
  ])
  func `what names nobody says nothing`(config: String) throws {
    #expect(try self.hint("gpu07", config) == nil)
  }

  @Test func `the machine's own file counts too, and not every fault is one of settings`() throws {
    let system = "Host gpu07\n  User me\n"
    #expect(
      try self.hint("gpu07", "", system: system)?.contains("`/etc/ssh_config`, line 1") == true)
    let refused = LinkError.connectionRefused(address: "gpu07:22")
    #expect(try self.hint("gpu07", system, after: refused) != nil)
    #expect(try self.hint("gpu07", system, after: .noise("x")) == nil)
  }
}
